"""A server is killed while an approval is at each point; everything comes back, and the record tells the truth."""

from collections.abc import Callable

from tests.faults.servers.cells import Cell
from tests.faults.servers.harness import Play
from tests.faults.servers.pauses import Pauses
from tests.faults.servers.place import Place


def test_one_effect_and_nothing_is_stuck(
    lost: Cell, place: Place, pauses: Pauses, record_property: Callable[[str, object], None]
) -> None:
    record_property("kind", "server")
    record_property("row", lost.row)
    record_property("column", str(lost.server))
    played = Play(lost, place, pauses).play()
    record_property("recovered", played.recovered_seconds)
    record_property("outcome", played.outcome)
