"""The outcome follows from what happened, whatever ended the run."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.actions.operation import KubernetesOperation, NoParameters, Observation, Verb
from countersign.errors import (
    ConfigurationError,
    CountersignError,
    GateRefused,
    InternalError,
    KillSwitchOn,
    OutcomeUnknown,
    ParseFailure,
    PermanentTargetError,
    PolicyRefused,
    Stopped,
    TargetNotFound,
    TransientTargetError,
)
from countersign.execution.conclusion import conclude
from countersign.execution.markdown import render
from countersign.execution.progress import NOTHING, Progress, StepResult
from countersign.execution.report import Report
from countersign.execution.run_state import Known
from countersign.records.outcomes import Outcome
from countersign.records.owned import Owned
from countersign.records.states import RiskLevel, WhenBlocked
from countersign.records.tables import Approval
from countersign.targets.model import Impact, ObjectRef, Plan, Step

ERRORS: tuple[type[CountersignError], ...] = (
    InternalError,
    KillSwitchOn,
    OutcomeUnknown,
    PermanentTargetError,
    PolicyRefused,
    Stopped,
    TargetNotFound,
    TransientTargetError,
)
REF = ObjectRef("c", "Deployment", "prod", "api", "u1")
RESTART = KubernetesOperation(Verb.RESTART, "Deployment", ("api",), "prod", NoParameters())


def known(plan: Plan | None) -> Known:
    approval = Approval(
        action="x",
        risk_level=RiskLevel.LOW,
        requested_by="a",
        when_blocked=WhenBlocked.END,
        created_at=datetime.now(UTC),
        updated_at=datetime.now(UTC),
    )
    return Known(approval, Owned(uuid4(), 1), reading=RESTART, plan=plan)


def plan_of(count: int) -> Plan:
    steps = tuple(Step(str(number), REF, f"step {number}", {}, {}, {}) for number in range(count))
    return Plan("c", "restart", (REF,), steps, Impact(), "2026-01-01T00:00:00Z")


def test_a_deletion_says_what_was_not_there() -> None:
    there, gone = (ObjectRef("c", "Pod", "prod", name, uid) for name, uid in (("a", "u"), ("b", None)))
    step = Step("1", there, "delete", {}, {}, {})
    nothing = Plan("c", "delete", (gone,), (), Impact(), "2026-01-01T00:00:00Z")
    ended = conclude(None, known(nothing), NOTHING, dry_run=False)
    assert ended.outcome is Outcome.SUCCESS
    assert "Nothing to delete" in ended.message
    assert "pod prod/b" in ended.message
    assert "as wanted" not in ended.message
    both = Plan("c", "delete", (there, gone), (step,), Impact(), "2026-01-01T00:00:00Z")
    ended = conclude(None, known(both), Progress({"1": StepResult.LANDED}, {"1": 1}), dry_run=False)
    assert ended.message.startswith("Deleted pod prod/a. ")
    assert ended.message.endswith("pod prod/b.")


@given(
    results=st.lists(st.sampled_from(StepResult), min_size=1, max_size=4),
    error=st.none() | st.sampled_from(ERRORS),
)
def test_no_outcome_says_more_or_less_than_the_journal(
    results: list[StepResult], error: type[CountersignError] | None
) -> None:
    sent = any(result is not StepResult.NOT_SENT for result in results)
    if error is None and not sent:
        return  # a plan with steps that went through has sent something
    progress = Progress(
        {str(number): result for number, result in enumerate(results)},
        {str(number): int(result is not StepResult.NOT_SENT) for number, result in enumerate(results)},
    )
    ended = conclude(error("it went wrong") if error else None, known(plan_of(len(results))), progress, dry_run=False)
    landed = [result is StepResult.LANDED for result in results]
    if StepResult.OPEN in results or error is OutcomeUnknown:
        assert ended.outcome is Outcome.UNKNOWN
    elif all(landed):
        assert ended.outcome is Outcome.SUCCESS
    elif any(landed):
        assert ended.outcome is Outcome.FAILED
        assert f"{sum(landed)} of {len(landed)}" in ended.message
    else:
        assert ended.outcome in (Outcome.FAILED, Outcome.BLOCKED, Outcome.CANCELLED)
    assert ended.outcome.is_success == (ended.code is None)


def test_before_anything_is_sent_the_error_decides() -> None:
    outcomes = {
        error: conclude(error("it went wrong"), known(None), NOTHING, dry_run=False).outcome
        for error in (*ERRORS, ParseFailure)
    }
    assert outcomes == {
        InternalError: Outcome.FAILED,
        KillSwitchOn: Outcome.BLOCKED,
        OutcomeUnknown: Outcome.UNKNOWN,
        PermanentTargetError: Outcome.FAILED,
        PolicyRefused: Outcome.BLOCKED,
        Stopped: Outcome.CANCELLED,
        TargetNotFound: Outcome.BLOCKED,
        TransientTargetError: Outcome.FAILED,
        ParseFailure: Outcome.PARSE_FAILURE,
    }


def test_an_observation_is_a_success_in_a_dry_run_too() -> None:
    observed = known(None)
    observed.reading = Observation("NO_ACTION")
    for dry_run in (True, False):
        assert conclude(None, observed, NOTHING, dry_run=dry_run).outcome is Outcome.NO_ACTION


@given(action=st.text(min_size=1), message=st.text(), language=st.sampled_from(["en", "zh-TW"]))
def test_no_text_breaks_the_reports_tables(action: str, message: str, language: str) -> None:
    report = Report(
        approval_id="1", action=action, outcome="failed", success=False, message=message, signers=(message,)
    )
    rows = [line for line in render(report, language=language).splitlines() if line.startswith("|")]
    for row in rows:
        assert row.replace("\\|", "").count("|") == 3, row


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("the block default is missing"),
        GateRefused("Redis does not answer", gate=5, gate_code="keys_unavailable"),
    ],
    ids=lambda error: error.code,
)
def test_what_is_not_about_the_action_puts_it_off_but_no_rollback(error: CountersignError) -> None:
    assert conclude(error, known(None), NOTHING, dry_run=False).outcome is Outcome.POSTPONED
    for ended in (
        conclude(error, known(None), NOTHING, dry_run=False, may_wait=False),
        conclude(error, known(None), NOTHING, dry_run=True),
    ):
        assert ended.outcome in (Outcome.FAILED, Outcome.BLOCKED)
