"""What needs a person now is found, said with its age, and comes with the command that deals with it."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from countersign.execution.attention import Attention, Need, NeedsAttention, needs_attention
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.database.identifiers import short_id
from countersign.records.dead_letters import bury
from countersign.records.evidence import Seen, store_after
from countersign.records.ledger import NewStep, steps_of
from countersign.records.outcomes import Outcome
from countersign.records.owned import Owned
from countersign.records.policy_versions import activate_version, add_policy_signature, add_version
from countersign.records.rollbacks import start_unmade_rollback
from countersign.records.settlement import settle
from countersign.records.states import Start, StepName, Verdict
from tests.records.builders import approved, now, owned, pending

pytestmark = pytest.mark.all_rights


def asked(engine: Engine, *, of_each: int = 20) -> Attention:
    with transaction(engine) as session:
        return needs_attention(session, of_each=of_each)


def only(engine: Engine) -> NeedsAttention:
    (item,) = asked(engine).items
    return item


def run(engine: Engine, statement: str, **values: object) -> None:
    with transaction(engine) as session:
        session.execute(text(statement), values)


def long_ago(engine: Engine, column: str, table: str, minutes: int = 30) -> None:
    """As if it had happened so long ago; triggers that keep the past as it is are asleep meanwhile."""
    run(
        engine,
        f"SET LOCAL session_replication_role = replica; "
        f"UPDATE {table} SET {column} = clock_timestamp() - make_interval(mins => {minutes})",
    )


def settled(engine: Engine, outcome: Outcome, *steps: StepName, error: str | None = None, **changes: object) -> Owned:
    mine = owned(engine, **changes)
    with transaction(engine) as session:
        new = [NewStep(name, position) for position, name in enumerate(steps)]
        settle(session, mine, outcome=outcome, error=error, report={}, steps=new)
    return mine


def of(engine: Engine, mine: Owned) -> str:
    """The short id of an execution's approval."""
    with transaction(engine) as session:
        found: UUID = session.execute(
            text("SELECT approval_id FROM execution WHERE id = :id"), {"id": mine.execution_id}
        ).scalar_one()
    return short_id(found)


def test_nothing_needs_a_person_where_everything_went_well(engine: Engine) -> None:
    settled(engine, Outcome.SUCCESS)
    settled(engine, Outcome.FAILED)
    owned(engine)
    approved(engine)
    assert asked(engine) == Attention((), ())


def test_an_unknown_outcome_is_settled_by_a_person(engine: Engine) -> None:
    mine = settled(engine, Outcome.UNKNOWN, error="the answer was lost")
    long_ago(engine, "settled_at", "execution")
    item = only(engine)
    assert (item.need, item.what) == (Need.UNKNOWN, "kubectl rollout restart deployment/api -n prod")
    assert item.command == f"countersign executions settle {of(engine, mine)} --outcome success|failed --reason WHY"
    assert 1800 <= item.age_seconds < 1900
    assert item.why == "the answer was lost"


def test_a_rollback_that_nobody_knows_of_is_named_itself(engine: Engine) -> None:
    mine = settled(engine, Outcome.SUCCESS)
    with transaction(engine) as session:
        back = start_unmade_rollback(session, mine.execution_id, worker="w")
        assert back is not None
        settle(session, back, outcome=Outcome.UNKNOWN, report={})
    item = only(engine)
    assert (item.need, item.what) == (
        Need.UNKNOWN,
        "Rollback of: kubectl rollout restart deployment/api -n prod",
    )
    assert str(back.execution_id) in item.command


@pytest.mark.parametrize(
    ("back", "is_shown"), [(None, True), (Outcome.SUCCESS, False), (Outcome.FAILED, True), (Outcome.BLOCKED, True)]
)
def test_what_was_made_worse_is_shown_unless_it_was_taken_back(
    engine: Engine, back: Outcome | None, is_shown: bool
) -> None:
    mine = settled(engine, Outcome.SUCCESS)
    with transaction(engine) as session:
        seen = Seen(now(), {})
        store_after(session, mine.execution_id, seen, verdict=Verdict.WORSE, verification={})
        if back is not None:
            rollback = start_unmade_rollback(session, mine.execution_id, worker="w")
            assert rollback is not None
            settle(session, rollback, outcome=back, report={})
    assert [item.need for item in asked(engine).items] == [Need.WORSE] * is_shown


def test_what_was_made_worse_is_not_shown_while_it_is_about_to_be_taken_back(engine: Engine) -> None:
    mine = settled(engine, Outcome.SUCCESS, StepName.ROLL_BACK)
    with transaction(engine) as session:
        store_after(session, mine.execution_id, Seen(now(), {}), verdict=Verdict.WORSE, verification={})
    assert asked(engine).items == ()


def test_a_silent_worker_that_nobody_replaces_is_shown(engine: Engine) -> None:
    owned(engine)
    long_ago(engine, "lease_until", "execution")
    item = only(engine)
    assert (item.need, item.why, item.command) == (Need.SILENT, "its worker: w1", "countersign reconcile")


def test_what_nobody_starts_is_shown_unless_the_kill_switch_says_why(engine: Engine) -> None:
    waiting = approved(engine)
    long_ago(engine, "updated_at", "approval")
    item = only(engine)
    assert (item.need, item.command) == (Need.NOT_STARTED, f"countersign approvals run {short_id(waiting)}")
    with transaction(engine) as session:
        set_kill_switch(session, True, by="ann", reason="a drill")
    item = only(engine)
    assert (item.need, item.why) == (Need.KILL_SWITCH, "a drill")
    assert item.command == "countersign kill-switch off --reason WHY"


def test_a_dead_letter_is_a_persons_once_nothing_replays_it(engine: Engine) -> None:
    mine = settled(engine, Outcome.SUCCESS, StepName.NOTIFY)
    with transaction(engine) as session:
        (step,) = steps_of(session, mine.execution_id)
        session.execute(text("UPDATE ledger_step SET status = 'running'"))
        session.execute(text("UPDATE ledger_step SET status = 'dead', ended_at = now(), error = 'no route'"))
        bury(session, step.id, payload={}, pause_seconds=60, replays=1)
    assert asked(engine).items == ()
    run(engine, "UPDATE dead_letter SET next_replay_at = NULL")
    item = only(engine)
    assert (item.need, item.why) == (Need.DEAD_LETTER, "notify channels: no route")
    assert item.command == f"countersign dead-letters replay {item.subject}"


def test_steps_that_nobody_runs_are_shown_once_for_their_execution(engine: Engine) -> None:
    settled(engine, Outcome.SUCCESS, StepName.NOTIFY, StepName.VERIFY)
    assert asked(engine).items == ()
    long_ago(engine, "due_at", "ledger_step")
    item = only(engine)
    assert (item.need, item.why, item.command) == (
        Need.OVERDUE_STEPS,
        "notify channels, verify",
        "countersign reconcile",
    )


def test_what_was_blocked_is_shown_for_a_day(engine: Engine) -> None:
    mine = settled(engine, Outcome.BLOCKED, error="frozen until Monday")
    item = only(engine)
    assert (item.need, item.why) == (Need.BLOCKED, "frozen until Monday")
    assert item.command == f"countersign approvals show {of(engine, mine)}"
    long_ago(engine, "settled_at", "execution", minutes=25 * 60)
    assert asked(engine).items == ()


def test_what_waits_says_what_for(engine: Engine) -> None:
    approval = approved(engine)
    run(
        engine,
        "UPDATE approval SET waiting_until = clock_timestamp() + interval '1 h', waiting_reason = 'frozen', "
        "tries = 1 "
        "WHERE id = :id",
        id=approval,
    )
    item = only(engine)
    assert (item.need, item.why) == (Need.WAITING, "frozen")
    assert item.command == f"countersign policy explain {short_id(approval)}"


def test_what_a_person_is_to_start_is_shown_once_its_time_has_come(engine: Engine) -> None:
    approval = approved(engine, start=Start.BY_HAND)
    approved(engine, start=Start.BY_HAND, not_before=now() + timedelta(hours=1))
    item = only(engine)
    assert (item.need, item.command) == (Need.BY_HAND, f"countersign approvals run {short_id(approval)}")


def test_what_lacks_signatures_says_how_many_it_has(engine: Engine) -> None:
    approval = pending(engine, required_signatures=2)
    pending(engine, expires_at=now() + timedelta(milliseconds=1))
    item = only(engine)
    assert (item.need, item.why) == (Need.SIGNATURES, "signed by 0 of 2, requested by alice")
    assert item.command == f"countersign approvals sign {short_id(approval.id)} --as NAME --key FILE"


def test_a_version_of_the_policy_is_shown_until_one_is_in_force(engine: Engine) -> None:
    with transaction(engine) as session:
        first = "1" * 64
        common = {"author": "ann", "reason": "a freeze", "proposed_at": now()}
        add_version(session, number=1, document="one", hash=first, previous_hash=None, **common)  # type: ignore[arg-type]
        add_policy_signature(session, number=1, hash=first, administrator="ann", key_id="k", value="v")
    item = only(engine)
    assert (item.need, item.what, item.why, item.command) == (
        Need.POLICY,
        "Version 1 of the policy",
        "signed by 1; a freeze",
        "countersign policy sign 1",
    )
    with transaction(engine) as session:
        activate_version(session, 1, by="ann")
    assert asked(engine).items == ()


def test_the_most_urgent_come_first_and_many_of_a_kind_are_cut(engine: Engine) -> None:
    for _ in range(3):
        pending(engine)
    settled(engine, Outcome.UNKNOWN)
    found = asked(engine, of_each=2)
    assert [item.need for item in found.items] == [Need.UNKNOWN, Need.SIGNATURES, Need.SIGNATURES]
    assert found.more == (Need.SIGNATURES,)


def test_secrets_are_masked_and_long_reasons_cut(engine: Engine) -> None:
    action = "kubectl set env deployment/api DB_PASSWORD=hunter2 -n prod"
    settled(engine, Outcome.BLOCKED, error="DB_PASSWORD=hunter2 " + "x" * 1000, action=action)
    item = only(engine)
    assert "hunter2" not in item.what + item.why
    assert len(item.why) == 300
