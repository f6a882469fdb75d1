"""What stands in the way and passes uses no approval up: it waits, says why, and is executed once afterwards."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from countersign.audit.verifying import verify
from countersign.errors import (
    ConfigurationError,
    CountersignError,
    DatabaseUnavailable,
    KillSwitchOn,
    PolicyNotTrusted,
)
from countersign.execution.attention import needs_attention
from countersign.execution.reconciliation import approvals_to_start, just_due
from countersign.policy.freeze import FreezeWindow
from countersign.records.approvals import cancel_approval, get_approval, note_asked
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.queries import executions_of
from countersign.records.tables import Approval
from countersign.records.timeline import events_of
from tests.execution.conftest import Office

RESTART = "kubectl rollout restart deployment/api -n prod"
EVENTS = text("SELECT event FROM audit_event WHERE chain = :chain ORDER BY id")
LONG_AGO = text("""
    UPDATE approval SET waiting_until = clock_timestamp() - make_interval(secs => 1) WHERE id = :approval_id
""")
ASKED_LONG_AGO = text("""
    UPDATE approval
    SET waiting_until = waiting_until - interval '2 minutes', updated_at = updated_at - interval '2 minutes'
    WHERE id = :approval_id AND waiting_until IS NOT NULL
""")


def found(office: Office, approval_id: UUID) -> Approval:
    with transaction(office.services.engine) as session:
        return get_approval(session, approval_id)


def unreadable(office: Office, error: CountersignError) -> Office:
    """Return the office while the policy cannot be read again before the intent."""

    def reread() -> None:
        raise error

    return replace(office, services=replace(office.services, reread_policy=reread))


def frozen(office: Office, end: datetime) -> Office:
    window = FreezeWindow(reason="inventory", start=datetime.now(UTC) - timedelta(hours=1), end=end)
    return office.with_policy(office.services.policy.model_copy(update={"freeze_windows": (window,)}))


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("the block default is missing"),
        DatabaseUnavailable("PostgreSQL does not answer in time"),
        PolicyNotTrusted("version 2 is not what its administrators signed"),
    ],
    ids=lambda error: error.code,
)
def test_what_is_not_about_the_action_gives_the_approval_back(office: Office, error: CountersignError) -> None:
    approval_id = office.approved(RESTART)
    report = unreadable(office, error).run(approval_id)
    assert (report.outcome, report.success, report.code) == ("postponed", False, error.code)
    waiting = found(office, approval_id)
    assert (waiting.status, waiting.tries, waiting.rejection_reason) == ("approved", 1, None)
    assert error.message.rstrip(".") in (waiting.waiting_reason or "")
    assert waiting.waiting_until is not None
    assert office.cluster.requests.mutations() == []
    with transaction(office.services.engine) as session:
        last = events_of(session, approval_id=approval_id)[-1]
    assert (last.status, last.title) == ("warning", "Nothing was sent; it is tried again later")

    report = office.run(approval_id)
    assert report.outcome == "success"
    assert len(office.cluster.requests.mutations()) == 1
    done = found(office, approval_id)
    assert (done.status, done.waiting_until, done.waiting_reason) == ("executed", None, None)


def test_the_audit_tells_of_every_try_and_finds_a_postponement_that_nobody_made(office: Office) -> None:
    approval_id = office.approved(RESTART)
    unreadable(office, ConfigurationError("no block")).run(approval_id)
    assert office.run(approval_id).outcome == "success"
    assert verify(office.services.engine, verifier=None, saved=None).findings == ()
    with transaction(office.services.engine) as session:
        told = session.execute(EVENTS, {"chain": str(approval_id)}).scalars().all()
    assert [event for event in told if event.startswith("execution:claim") or event.endswith("settled")] == [
        *["execution:claim:made", "execution:outcome:settled"] * 2
    ]


def test_each_try_waits_for_longer_and_reconciliation_starts_it_when_its_time_has_come(office: Office) -> None:
    approval_id = office.approved(RESTART, start="by_hand")
    assert approvals_to_start(office.services, older_than_seconds=0) == []
    pauses = []
    for _ in range(3):
        unreadable(office, ConfigurationError("no block")).run(approval_id)
        waiting = found(office, approval_id)
        assert waiting.waiting_until is not None
        pauses.append((waiting.waiting_until - waiting.updated_at).total_seconds())
        assert approvals_to_start(office.services) == []
    assert pauses == pytest.approx([5, 10, 20], abs=1)
    with transaction(office.services.engine) as session:
        session.execute(LONG_AGO, {"approval_id": approval_id})
    assert [each.approval_id for each in approvals_to_start(office.services)] == [approval_id]
    assert [each.approval_id for each in just_due(office.services.engine)] == [approval_id]
    with transaction(office.services.engine) as session:
        outcomes = [row.outcome for row in executions_of(session, approval_id)]
    assert outcomes == ["postponed"] * 3


def test_what_was_just_approved_is_due_at_once_and_what_is_started_by_hand_is_not(office: Office) -> None:
    by_hand, at_once = office.approved(RESTART, start="by_hand"), office.approved(RESTART)
    later = office.approved(RESTART, not_before=datetime.now(UTC) + timedelta(hours=1))
    assert [each.approval_id for each in just_due(office.services.engine)] == [at_once]
    assert {found(office, each).status for each in (by_hand, later)} == {"approved"}


def test_a_freeze_ends_the_approval_and_says_when_to_file_it_again(office: Office) -> None:
    report = frozen(office, datetime(2100, 1, 1, tzinfo=UTC)).run(office.approved(RESTART))
    assert (report.outcome, report.code) == ("blocked", "policy")
    assert report.hint == "file it again after 2100-01-01 00:00 UTC, or have it wait: --wait-for-window"


def test_where_it_was_signed_that_it_waits_it_waits_for_the_end_of_the_freeze(office: Office) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    approval_id = office.approved(RESTART, when_blocked="wait")
    report = frozen(office, end).run(approval_id)
    assert (report.outcome, report.code) == ("postponed", "policy")
    waiting = found(office, approval_id)
    assert (waiting.status, waiting.waiting_until) == ("approved", end)
    assert "a freeze is on: inventory" in (waiting.waiting_reason or "")
    assert office.run(approval_id).outcome == "success"


def test_what_no_time_mends_ends_it_even_where_it_would_wait(office: Office) -> None:
    limited = office.with_policy(office.services.policy.model_copy(update={"protected_namespaces": ("prod",)}))
    report = limited.run(office.approved(RESTART, when_blocked="wait"))
    assert (report.outcome, found(office, UUID(report.approval_id)).status) == ("blocked", "failed")


def test_while_the_kill_switch_is_on_nothing_is_claimed(office: Office) -> None:
    approval_id = office.approved(RESTART)
    with transaction(office.services.engine) as session:
        set_kill_switch(session, True, by="ann", reason="an outage")
    report = office.run(approval_id)
    assert (report.outcome, report.code, report.execution_id) == ("blocked", "kill_switch", None)
    assert "nothing of it was used up" in (report.hint or "")
    assert (found(office, approval_id).status, just_due(office.services.engine)) == ("approved", [])
    with transaction(office.services.engine) as session:
        set_kill_switch(session, False, by="ann", reason="over")
    assert office.run(approval_id).outcome == "success"


def test_while_the_policys_switch_is_on_or_nobody_may_sign_nothing_is_claimed(office: Office) -> None:
    approval_id = office.approved(RESTART)
    for changed, error in (({"kill_switch": True}, KillSwitchOn), ({"signers": ()}, ConfigurationError)):
        policy = office.services.policy.model_copy(update=changed)
        with pytest.raises(error):
            office.with_policy(policy).run(approval_id)
    assert found(office, approval_id).status == "approved"
    assert office.run(approval_id).outcome == "success"


def test_a_run_that_is_held_up_again_and_again_is_put_off(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each intent is on record too late for the lease, as with a database that takes seconds for one."""
    clock = iter(range(0, 100_000, 10))
    monkeypatch.setattr("countersign.execution.performance._clock", lambda: float(next(clock)))
    monkeypatch.setattr("countersign.execution.performance.HELD_UP_PAUSE_SECONDS", 0.001)
    approval_id = office.approved(RESTART)
    report = office.run(approval_id)
    assert (report.outcome, report.code) == ("postponed", "held_up")
    assert office.cluster.requests.mutations() == []
    monkeypatch.undo()
    assert office.run(approval_id).outcome == "success"
    assert len(office.cluster.requests.mutations()) == 1


def test_what_is_withdrawn_or_rejected_waits_for_nothing_more(office: Office) -> None:
    approval_id = office.approved(RESTART)
    unreadable(office, ConfigurationError("no block")).run(approval_id)
    with transaction(office.services.engine) as session:
        cancel_approval(session, approval_id, by="carol")
    ended = found(office, approval_id)
    assert (ended.status, ended.waiting_until, ended.waiting_reason) == ("cancelled", None, None)


def test_a_run_that_was_asked_for_and_died_is_made_good_after_a_while(office: Office) -> None:
    engine = office.services.engine
    approval_id = office.approved(RESTART, start="by_hand")
    with transaction(engine) as session:
        note_asked(session, approval_id, by="eve")
    # It has a while to claim it, and waits for nobody meanwhile.
    assert just_due(engine) == [] and approvals_to_start(office.services) == []
    with transaction(engine) as session:
        assert [each.need for each in needs_attention(session).items if each.approval_id == approval_id] == []
        session.execute(ASKED_LONG_AGO, {"approval_id": approval_id})
    assert just_due(engine) == []
    assert [each.approval_id for each in approvals_to_start(office.services)] == [approval_id]
    assert office.run(approval_id).success
    assert approvals_to_start(office.services) == [] and found(office, approval_id).waiting_until is None


def test_whoever_was_told_that_it_cannot_start_has_it_not_start_later(office: Office) -> None:
    engine = office.services.engine
    approval_id = office.approved(RESTART, start="by_hand")
    with transaction(engine) as session:
        note_asked(session, approval_id, by="eve")
        set_kill_switch(session, True, by="eve", reason="stop")
    assert office.run(approval_id).code == "kill_switch"
    with transaction(engine) as session:
        set_kill_switch(session, False, by="ann", reason="over")
        session.execute(ASKED_LONG_AGO, {"approval_id": approval_id})
    assert approvals_to_start(office.services) == []
    assert found(office, approval_id).waiting_until is None
