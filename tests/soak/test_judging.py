"""The soak's judge: it has to see what must not happen, since nobody else looks."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from countersign.execution.report import Report, StepReport
from tests.soak.judging import Verdict, compare, taken

ONE = {"1-restart": Counter({"PATCH /api": 1})}
START = datetime(2026, 1, 5, 12, tzinfo=UTC)


def report(result: str) -> Report:
    outcome = "success" if result == "landed" else "failed"
    step = StepReport(key="1-restart", title="restart", result=result)
    return Report(
        approval_id="1", action="restart", outcome=outcome, success=result == "landed", message="", steps=(step,)
    )


def judged(result: str, *, effects: int) -> Verdict:
    verdict = Verdict()
    compare("one", report(result), ONE, {"1-restart": Counter({"PATCH /api": effects})}, verdict)
    return verdict


@pytest.mark.parametrize(
    ("result", "effects"), [("landed", 1), ("not_sent", 0), ("cannot_tell", 0), ("cannot_tell", 1)]
)
def test_what_the_target_saw_is_what_the_record_says(result: str, effects: int) -> None:
    assert judged(result, effects=effects).holds


def test_a_second_effect_is_a_duplicate() -> None:
    assert judged("landed", effects=2).duplicates


def test_a_success_without_an_effect_is_false() -> None:
    assert judged("landed", effects=0).false_successes


def test_a_failure_with_an_effect_is_false() -> None:
    assert judged("not_landed", effects=1).false_failures


def test_an_effect_on_the_host_belongs_to_whoever_held_it() -> None:
    log = [(START.timestamp() + seconds, "restart web") for seconds in (1, 5)]
    windows = [(START, START + timedelta(seconds=2))]
    assert taken(log, windows, Counter({"restart web": 1})) == {"restart web": 1}
    assert log == [(START.timestamp() + 5, "restart web")]
