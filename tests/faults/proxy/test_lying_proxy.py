"""Whatever a proxy makes of one request: no false success, no false failure, one effect, unknown only where it is."""

from collections.abc import Callable

from tests.faults.proxy.cells import Cell
from tests.faults.proxy.harness import Arena, play
from tests.faults.proxy.judge import wrongs


def test_the_record_is_true_and_the_effect_happens_once(
    lie: Cell, arena: Arena, record_property: Callable[[str, object], None]
) -> None:
    record_property("kind", "proxy")
    record_property("row", lie.row)
    record_property("column", lie.column)
    played = play(arena, lie.job, *lie.meetings, timeout=lie.timeout)
    record_property("outcome", played.report.outcome)
    assert lie.place in played.met, "the request was never made"
    found = list(wrongs(played.report, played.effects, lie.expectation))
    if found:
        happened = [f"{effect} ({count})" for effect, count in sorted(played.effects.times.items()) if count]
        told = (played.report.outcome, ", ".join(happened) or "nothing", "; ".join(found))
        record_property("wrong", (lie.job.name, lie.request, lie.fault.name, *told))
    assert not found
