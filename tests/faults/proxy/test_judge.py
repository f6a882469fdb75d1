"""The judge says what is wrong: each untruth is found, and a truth is left alone."""

from collections import Counter

import pytest

from countersign.execution.report import Report, StepReport
from tests.faults.proxy.judge import Expectation, wrongs
from tests.faults.proxy.scene import Effects

HAPPENED = Effects(times=Counter({"change": 1}))
NOTHING = Effects(undone=frozenset({"change"}))


def said(outcome: str, result: str = "not_landed", code: str | None = None) -> Report:
    steps = (StepReport(key="1-scale-prod/shop", title="scale", result=result),)
    return Report(
        approval_id="a",
        action="x",
        outcome=outcome,
        success=outcome == "success",
        message="m",
        code=code,
        steps=steps,
    )


@pytest.mark.parametrize(
    ("report", "effects", "found"),
    [
        (said("success", "landed"), NOTHING, "false success: change did not happen"),
        (said("failed"), HAPPENED, "false failure: change happened, the record says not_landed"),
        (said("blocked", "not_sent"), HAPPENED, "false failure: change happened, the record says not_sent"),
        (said("failed", "landed"), NOTHING, "false landing: change did not happen, the record says it landed"),
        (said("unknown", "cannot_tell"), HAPPENED, "unknown although the target can be asked: m"),
        (said("failed", code="internal"), NOTHING, "unexpected error: m"),
        (said("blocked", code="target_not_found"), NOTHING, "said to be missing: m"),
        (said("success", "landed"), Effects(times=Counter({"change": 2})), "change happened 2 times"),
        (
            said("success", "landed"),
            Effects(times=Counter({"change": 1}), others=("pods/bystander",)),
            "pods/bystander was changed, which the action is not about",
        ),
    ],
)
def test_an_untruth_is_found(report: Report, effects: Effects, found: str) -> None:
    assert list(wrongs(report, effects, Expectation(has_to_succeed=False))) == [found]


def test_a_failure_is_no_untruth_and_yet_wrong_where_it_could_have_been_tried_again() -> None:
    assert list(wrongs(said("failed"), NOTHING, Expectation(has_to_succeed=False))) == []
    assert list(wrongs(said("failed"), NOTHING, Expectation())) == [
        "not a success although it could be tried again: m"
    ]


def test_unknown_is_accepted_where_nobody_can_be_asked() -> None:
    expected = Expectation(may_be_unknown=True, has_to_succeed=False)
    assert list(wrongs(said("unknown", "cannot_tell"), HAPPENED, expected)) == []
    assert list(wrongs(said("success", "landed"), HAPPENED, expected)) == []
