"""What was left undone is found and done: by a function each, as often as anybody likes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from countersign.errors import CountersignError, InvalidInput, NotFound, OutcomeUnknown
from countersign.execution.manual_settlement import settle_by_hand
from countersign.execution.reconciliation import (
    BATCH,
    LONGEST_PAUSE_SECONDS,
    approvals_to_start,
    close_logs,
    end_dry_runs,
    expire_overdue,
    fair_share,
    kept_alive,
    round_of,
    settle_abandoned,
    to_take_over,
    withdraw,
)
from countersign.execution.run import Run
from countersign.records.approvals import get_approval
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.operation_log import log_of
from countersign.records.outcomes import Outcome
from countersign.records.queries import execution_of, executions_of
from countersign.records.states import ApprovalStatus, LogStatus
from countersign.records.timeline import events_of
from tests.execution.conftest import Office
from tests.records.builders import end_lease

RESTART = "kubectl rollout restart deployment/api -n prod"


def begun(office: Office, *, dry_run: bool = False, approval_id: UUID | None = None) -> Run:
    """Return a run that has claimed and gone silent."""
    run = Run(office.services, approval_id or office.approved(RESTART), worker="dead", dry_run=dry_run)
    assert run.claim() is None
    end_lease(office.services.engine, run.known.owned.execution_id)
    return run


def test_an_abandoned_execution_is_taken_over_and_settled(office: Office) -> None:
    run = begun(office)
    (found,) = settle_abandoned(office.services, worker="reconciler")
    assert found.subject == str(run.approval_id)
    assert "dead" in found.done
    assert found.age_seconds is not None
    assert found.age_seconds >= 0
    with transaction(office.services.engine) as session:
        assert get_approval(session, run.approval_id).status is ApprovalStatus.EXECUTED
    assert settle_abandoned(office.services, worker="reconciler") == []


def test_what_is_abandoned_is_handed_to_one_run_per_owner_and_try(office: Office) -> None:
    run = begun(office)
    begun(office, dry_run=True)
    (found,) = to_take_over(office.services)
    (again,) = to_take_over(office.services)
    assert (found.approval_id, found.worker, found.key) == (run.approval_id, "dead", again.key)
    begun(office, approval_id=run.approval_id)
    (successor,) = to_take_over(office.services)
    assert successor.key != found.key


def test_of_more_than_a_batch_every_one_gets_its_turn() -> None:
    many = range(BATCH + 1)
    assert len(fair_share(many)) == BATCH
    assert set().union(*(fair_share(many) for _ in range(100))) == set(many)


@pytest.mark.all_rights
def test_one_finding_that_cannot_be_dealt_with_does_not_keep_the_others_from_it(office: Office) -> None:
    broken, whole = begun(office), begun(office)
    engine = office.services.engine
    with transaction(engine) as session:
        session.execute(
            text(
                "ALTER TABLE execution ADD CONSTRAINT broken "
                f"CHECK (id <> '{broken.known.owned.execution_id}' OR fence = 1)"
            )
        )
    found = {each.subject: each for each in settle_abandoned(office.services, worker="reconciler")}
    assert found[str(broken.approval_id)].failed
    assert "IntegrityError" in found[str(broken.approval_id)].done
    assert not found[str(whole.approval_id)].failed


def test_two_rounds_at_once_are_one_effect(office: Office) -> None:
    for _ in range(3):
        begun(office)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: settle_abandoned(office.services, worker=name), ("a", "b")))
    assert len(office.cluster.requests.mutations()) == 3


def test_an_execution_within_its_lease_is_left_alone(office: Office) -> None:
    run = Run(office.services, office.approved(RESTART), worker="alive")
    assert run.claim() is None
    assert settle_abandoned(office.services, worker="reconciler") == []


def test_an_abandoned_dry_run_is_ended_and_its_approval_stays_approved(office: Office) -> None:
    run = begun(office, dry_run=True)
    (found,) = end_dry_runs(office.services, worker="reconciler")
    assert "dry run" in found.done
    with transaction(office.services.engine) as session:
        (execution,) = executions_of(session, run.approval_id)
        assert execution.outcome is Outcome.CANCELLED
        assert get_approval(session, run.approval_id).status is ApprovalStatus.APPROVED
    assert settle_abandoned(office.services, worker="reconciler") == []
    assert office.cluster.requests.mutations() == []


def test_what_was_approved_and_never_started_is_to_be_started_once_a_try(office: Office) -> None:
    approval_id = office.approved(RESTART)
    assert approvals_to_start(office.services) == []
    (found,) = approvals_to_start(office.services, older_than_seconds=0)
    (again,) = approvals_to_start(office.services, older_than_seconds=0)
    assert found.approval_id == approval_id
    assert found.key == again.key


def withdraws(office: Office, approval_id: UUID) -> bool:
    return withdraw(
        office.services,
        approval_id,
        worker="reconciler",
        flow_run_id="7",
        message="Flow run brave-fox was cancelled.",
    )


def test_what_a_person_cancelled_is_withdrawn_while_the_kill_switch_is_on_too(office: Office) -> None:
    approval_id = office.approved(RESTART)
    with transaction(office.services.engine) as session:
        set_kill_switch(session, True, by="ann", reason="a drill")
    assert withdraws(office, approval_id)
    with transaction(office.services.engine) as session:
        approval, event = get_approval(session, approval_id), events_of(session, approval_id=approval_id)[-1]
        set_kill_switch(session, False, by="ann", reason="over")
    assert approval.status is ApprovalStatus.CANCELLED
    assert (event.actor, event.actor_role) == ("countersign", "system")
    assert office.run(approval_id).outcome == "blocked"
    assert office.cluster.requests.mutations() == []


def test_what_a_person_cancelled_before_it_began_is_cancelled_everywhere(office: Office) -> None:
    approval_id = office.approved(RESTART)
    assert withdraws(office, approval_id)
    with transaction(office.services.engine) as session:
        execution = execution_of(session, approval_id)
        assert execution is not None
        log, approval = log_of(session, execution.id), get_approval(session, approval_id)
        event = events_of(session, approval_id=approval_id)[-1]
    assert (approval.status, execution.outcome) == (ApprovalStatus.CANCELLED, Outcome.CANCELLED)
    assert log is not None
    assert "brave-fox" in (log.error or "")
    assert "brave-fox" in event.description
    report = office.run(approval_id)
    assert (report.outcome, report.success) == ("cancelled", False)
    assert office.cluster.requests.mutations() == []


def test_what_is_claimed_or_ended_meanwhile_is_not_withdrawn(office: Office) -> None:
    assert not withdraws(office, begun(office).approval_id)
    done = office.perform("NO_ACTION")
    assert not withdraws(office, UUID(done.approval_id))


def test_a_run_whose_lease_is_renewed_is_kept_alive(office: Office) -> None:
    run = Run(office.services, office.approved(RESTART), worker="alive", flow_run_id="7")
    assert run.claim() is None
    others = [begun(office).approval_id, office.approved(RESTART)]
    asked = [run.approval_id, *others]
    assert kept_alive(office.services, asked) == {"7"}
    run.extend_lease()
    end_lease(office.services.engine, run.known.owned.execution_id)
    assert kept_alive(office.services, asked) == frozenset()


def test_nothing_is_started_while_the_kill_switch_is_on(office: Office) -> None:
    office.approved(RESTART)
    with transaction(office.services.engine) as session:
        set_kill_switch(session, True, by="alice", reason="incident 7")
    assert approvals_to_start(office.services, older_than_seconds=0) == []


@given(st.floats(0, 1e6), st.floats(0, 1e5))
def test_tries_become_more_with_time_and_at_most_one_an_hour_in_the_end(age: float, more: float) -> None:
    assert round_of(age) <= round_of(age + more)
    assert round_of(age + more) - round_of(age) <= 7 + more / LONGEST_PAUSE_SECONDS + 1


def test_tries_double_their_distance() -> None:
    assert [round_of(age) for age in (0, 59, 60, 119, 120, 239, 240, 480)] == [0, 0, 1, 1, 2, 2, 3, 4]
    assert round_of(86_400) == round_of(86_400 - LONGEST_PAUSE_SECONDS) + 1


def test_what_is_past_its_time_expires(office: Office) -> None:
    approval_id = office.approved(RESTART, expires_at=datetime.now(UTC) + timedelta(seconds=2))
    with transaction(office.services.engine) as session:
        session.execute(text("SELECT pg_sleep(2.1)"))
    (found,) = expire_overdue(office.services)
    assert found.subject == str(approval_id)
    with transaction(office.services.engine) as session:
        assert get_approval(session, approval_id).status is ApprovalStatus.EXPIRED
    assert expire_overdue(office.services) == []


@pytest.mark.all_rights
def test_an_open_log_of_a_settled_execution_is_closed(office: Office) -> None:
    report = office.perform("NO_ACTION")
    engine = office.services.engine
    with transaction(engine) as session:
        session.execute(text("ALTER TABLE automation_operation_log DISABLE TRIGGER USER"))
        session.execute(text("UPDATE automation_operation_log SET status = 'pending', closed_at = NULL"))
        session.execute(text("ALTER TABLE automation_operation_log ENABLE TRIGGER USER"))
    (found,) = close_logs(office.services)
    assert found.subject == report.execution_id
    with transaction(engine) as session:
        log = log_of(session, UUID(report.execution_id))
        assert log is not None
        assert log.status is LogStatus.SUCCESS
    assert close_logs(office.services) == []


def unknown(office: Office) -> Run:
    """Return a run whose outcome nobody could tell."""
    run = Run(office.services, office.approved(RESTART), worker="w1")
    assert run.claim() is None
    run.open_log()
    run.settle(OutcomeUnknown("the reply was lost and the deployment was changed by somebody else"))
    return run


@pytest.mark.parametrize(
    ("outcome", "status"), [(Outcome.SUCCESS, ApprovalStatus.EXECUTED), (Outcome.FAILED, ApprovalStatus.FAILED)]
)
def test_a_person_settles_what_nobody_could_tell(office: Office, outcome: Outcome, status: ApprovalStatus) -> None:
    run = unknown(office)
    engine = office.services.engine
    with transaction(engine) as session:
        execution = execution_of(session, run.approval_id)
        assert execution is not None
        settled_at = execution.settled_at
        settle_by_hand(session, execution.id, outcome=outcome, reason="seen in rollout history", by="alice")
    with transaction(engine) as session:
        execution = execution_of(session, run.approval_id)
        assert execution is not None
        approval = get_approval(session, run.approval_id)
        event = events_of(session, approval_id=run.approval_id)[-1]
        log = log_of(session, execution.id)
        assert (execution.outcome, execution.settled_at, approval.status) == (outcome, settled_at, status)
        assert "Outcome unknown" not in (approval.rejection_reason or "")
        assert (event.type, event.actor, event.description) == (
            "outcome_found_out", "alice", "seen in rollout history",
        )  # fmt: skip
        assert log is not None
        assert log.status is LogStatus.FAILED, "the operation log is closed once"
    report = office.run(run.approval_id)
    assert (report.outcome, report.success) == (outcome.value, outcome is Outcome.SUCCESS)
    assert report.found_out is not None
    assert report.found_out.by == "alice"
    assert "somebody else" in report.found_out.before
    assert office.cluster.requests.mutations() == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"reason": " "}, InvalidInput),
        ({"by": ""}, InvalidInput),
        ({"outcome": Outcome.CANCELLED}, InvalidInput),
        ({"execution_id": UUID(int=7)}, NotFound),
    ],
)
def test_a_settlement_that_cannot_be_accepted_changes_nothing(
    office: Office, changes: dict[str, object], error: type[CountersignError]
) -> None:
    run = unknown(office)
    given = {"execution_id": run.known.owned.execution_id, "outcome": Outcome.FAILED, "reason": "r", "by": "alice"}
    given |= changes
    with pytest.raises(error), transaction(office.services.engine) as session:
        settle_by_hand(session, given.pop("execution_id"), **given)
    with transaction(office.services.engine) as session:
        execution = execution_of(session, run.approval_id)
        assert execution is not None
        assert execution.outcome is Outcome.UNKNOWN


def test_only_an_unknown_outcome_is_settled_by_a_person_and_only_once(office: Office) -> None:
    run = unknown(office)
    done = office.perform("NO_ACTION")

    def found_out(execution_id: UUID) -> None:
        with transaction(office.services.engine) as session:
            settle_by_hand(session, execution_id, outcome=Outcome.SUCCESS, reason="seen", by="alice")

    found_out(run.known.owned.execution_id)
    for execution_id in (run.known.owned.execution_id, UUID(done.execution_id)):
        with pytest.raises(InvalidInput, match=r"is (success|no_action)"):
            found_out(execution_id)
