"""What made the target worse is taken back: when the policy says so, once, and only where nobody touched it since."""

from uuid import UUID

import pytest

from countersign.aftermath.step_runner import run_steps
from countersign.execution.report import Report
from countersign.policy.rollback import RollbackRule
from countersign.records.approvals import get_approval
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.evidence import evidence_of
from countersign.records.holds import held_keys
from countersign.records.journal import entries
from countersign.records.operation_log import log_of
from countersign.records.queries import execution_of
from countersign.records.rollbacks import rollback_of
from countersign.records.states import ApprovalStatus, EvidencePhase, LogStatus, StepName, StepStatus, Verdict
from countersign.records.tables import Execution, LedgerStep
from countersign.records.timeline import events_of
from sandbox.cluster.faults import Effect, Fault
from tests.aftermath.following import execution_id_of, ledger, run_one
from tests.aftermath.rollback.conftest import BAD, GOOD, RULE, image_of, made_worse, seeded
from tests.execution.conftest import Office


def rolled_back(office: Office, report: Report) -> LedgerStep:
    return run_one(office, execution_id_of(report), StepName.ROLL_BACK)


def rollback(office: Office, report: Report) -> Execution:
    with transaction(office.services.engine) as session:
        found = rollback_of(session, execution_id_of(report))
    assert found is not None
    return found


def test_a_bad_image_is_taken_back_and_that_is_verified(lenient: Office) -> None:
    report = made_worse(lenient)
    step = rolled_back(lenient, report)
    assert step.status is StepStatus.DONE, step.error
    assert step.result is not None
    assert (step.result["rolled_back"], step.result["outcome"]) == (True, "success")
    assert image_of(lenient) == GOOD
    back = rollback(lenient, report)
    assert step.result["execution_id"] == str(back.id)
    run_steps(lenient.services, back.id, runner="r1")
    steps = ledger(lenient, back.id)
    assert set(steps) == {StepName.NOTIFY, StepName.VERIFY, StepName.CLOSE_LOG}
    assert (steps[StepName.VERIFY].result or {})["verdict"] == "effective"


def test_a_rollback_is_an_execution_of_its_own_with_everything_on_record(lenient: Office) -> None:
    report = made_worse(lenient)
    rolled_back(lenient, report)
    back = rollback(lenient, report)
    with transaction(lenient.services.engine) as session:
        log, first = log_of(session, back.id), log_of(session, execution_id_of(report))
        journal = [(entry.kind, entry.answer) for entry in entries(session, back.id)]
        evidence = evidence_of(session, back.id)
        approval = get_approval(session, UUID(report.approval_id))
        effective = execution_of(session, approval.id)
        events = [event.type for event in events_of(session, approval_id=approval.id)]
        assert held_keys(session, back.id) == frozenset()
    assert log is not None
    assert first is not None
    assert (log.status, first.status) == (LogStatus.ROLLED_BACK, LogStatus.SUCCESS)
    assert journal == [("intent", None), ("answer", "landed")]
    assert EvidencePhase.BEFORE in evidence
    assert approval.status is ApprovalStatus.EXECUTED
    assert effective is not None
    assert (effective.id, effective.report) == (execution_id_of(report), report.model_dump(mode="json"))
    assert events[-2:] == ["rollback_started", "rollback_settled"]


def test_the_policy_rolls_nothing_back_unless_it_says_so(lenient: Office) -> None:
    strict = lenient.with_policy(lenient.services.policy.model_copy(update={"rollback": RollbackRule()}))
    report = made_worse(strict)
    step = rolled_back(strict, report)
    assert (step.status, image_of(strict)) == (StepStatus.SKIPPED, BAD)
    assert strict.cluster.requests.mutations() == []


def test_the_policy_names_the_namespaces(lenient: Office) -> None:
    elsewhere = RULE.model_copy(update={"namespaces": ("prod",)})
    strict = lenient.with_policy(lenient.services.policy.model_copy(update={"rollback": elsewhere}))
    assert rolled_back(strict, made_worse(strict)).status is StepStatus.SKIPPED
    assert strict.cluster.requests.mutations() == []


def test_what_somebody_changed_since_is_left_alone(lenient: Office) -> None:
    report = made_worse(lenient)
    seeded(lenient, "registry.local/web:3.0.5")
    step = rolled_back(lenient, report)
    assert step.status is StepStatus.SKIPPED
    assert "not as it was left" in (step.reason or "")
    assert image_of(lenient) == "registry.local/web:3.0.5"


def test_what_somebody_changes_at_the_last_moment_is_left_alone(
    lenient: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.aftermath.rollback.test_killed import at_point  # noqa: PLC0415

    report = made_worse(lenient)
    at_point(monkeypatch, "intent", lambda: seeded(lenient, "registry.local/web:3.0.5"))
    step = rolled_back(lenient, report)
    assert step.status is StepStatus.DONE
    assert (step.result or {})["rolled_back"] is False
    assert (rollback(lenient, report).outcome, image_of(lenient)) == ("failed", "registry.local/web:3.0.5")


def test_a_restart_cannot_be_taken_back(lenient: Office) -> None:
    seeded(lenient)
    lenient.cluster.faults.clear()
    report = lenient.perform("kubectl rollout restart deployment/web -n staging")
    pretend_worse(lenient, report)
    step = rolled_back(lenient, report)
    assert step.status is StepStatus.SKIPPED
    assert "cannot be rolled back" in (step.reason or "")


def pretend_worse(office: Office, report: Report) -> None:
    """End the verification as worse, whatever it would have found."""
    from countersign.records.ledger import end_step, take_step  # noqa: PLC0415

    with transaction(office.services.engine) as session:
        step = take_step(session, execution_id_of(report), StepName.VERIFY, runner="t", lease_seconds=60)
        assert step is not None
        end_step(session, step, result={"verdict": Verdict.WORSE.value, "reasons": []})


def test_what_is_not_worse_stays(lenient: Office) -> None:
    report = lenient.perform("kubectl scale deployment/web --replicas=2 -n staging")
    run_one(lenient, execution_id_of(report), StepName.VERIFY)
    step = rolled_back(lenient, report)
    assert step.status is StepStatus.DONE
    assert (step.result or {})["rolled_back"] is False
    assert "effective" in (step.result or {})["summary"]


def test_the_kill_switch_stops_rollbacks_too(lenient: Office) -> None:
    report = made_worse(lenient)
    with transaction(lenient.services.engine) as session:
        set_kill_switch(session, True, by="alice", reason="incident 7")
    step = rolled_back(lenient, report)
    assert step.status is StepStatus.SKIPPED
    assert "incident 7" in (step.reason or "")
    assert lenient.cluster.requests.mutations() == []


def test_the_kill_switch_is_read_again_before_the_request(lenient: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.aftermath.rollback.test_killed import at_point  # noqa: PLC0415

    def switch_on() -> None:
        with transaction(lenient.services.engine) as session:
            set_kill_switch(session, True, by="alice", reason="incident 7")

    report = made_worse(lenient)
    at_point(monkeypatch, "started", switch_on)
    step = rolled_back(lenient, report)
    assert step.status is StepStatus.SKIPPED
    assert "incident 7" in (step.reason or "")
    assert rollback(lenient, report).outcome == "blocked"
    assert lenient.cluster.requests.mutations() == []


def test_a_lost_reply_is_one_effect_and_the_truth(lenient: Office) -> None:
    report = made_worse(lenient)
    lenient.cluster.faults.add(Fault(effect=Effect.RESET_AFTER))
    assert (rolled_back(lenient, report).result or {})["outcome"] == "success"
    assert (image_of(lenient), len(lenient.cluster.requests.mutations())) == (GOOD, 1)


def test_a_lost_request_is_sent_again(lenient: Office) -> None:
    report = made_worse(lenient)
    lenient.cluster.faults.add(Fault(effect=Effect.RESET_BEFORE))
    assert (rolled_back(lenient, report).result or {})["outcome"] == "success"
    assert (image_of(lenient), len(lenient.cluster.requests.mutations())) == (GOOD, 1)


def test_a_target_that_another_execution_holds_is_waited_for(lenient: Office) -> None:
    from countersign.execution.run import Run  # noqa: PLC0415

    report = made_worse(lenient)
    holder = Run(lenient.services, lenient.approved("kubectl label deployment/web a=b -n staging"), worker="w-holder")
    assert holder.claim() is None
    holder.read()
    resolution = holder.resolve()
    assert resolution is not None
    assert holder.hold(resolution) is None
    step = rolled_back(lenient, report)
    assert (step.status, image_of(lenient)) == (StepStatus.PENDING, BAD)
    assert "w-holder" in (step.error or "")
    with transaction(lenient.services.engine) as session:
        assert rollback_of(session, execution_id_of(report)) is None
