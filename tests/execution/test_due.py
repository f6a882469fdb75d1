"""A round is started as soon as something is due, once, and again at growing distances while it stays so."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from countersign.records.database.engine import transaction
from countersign.records.due import Due, what_is_due
from countersign.records.ledger import keep_queued, steps_due
from countersign.records.queries import taken
from countersign.worker.watching import AGAIN_SECONDS, Watch, keys_of
from tests.execution.conftest import Office
from tests.execution.test_reconciling import RESTART, begun

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AGE_STEPS = text("UPDATE ledger_step SET due_at = due_at - interval '1 hour' WHERE status = 'pending'")
AGE_APPROVALS = text("UPDATE approval SET updated_at = updated_at - interval '1 hour'")


def kinds(office: Office) -> set[str]:
    with transaction(office.services.engine) as session:
        found = what_is_due(session, start_seconds=60, step_seconds=30, lost_seconds=5, rollback_seconds=60)
    return {each.kind for each in found}


def test_nothing_is_due_while_whoever_is_at_it_lives(office: Office) -> None:
    office.approved(RESTART, start="by_hand")
    office.perform(RESTART)
    assert kinds(office) == set()


def test_what_was_left_is_due(office: Office) -> None:
    begun(office)
    office.perform("kubectl label deployment/web a=b -n prod")
    office.approved(RESTART)
    with transaction(office.services.engine) as session:
        session.execute(AGE_STEPS)
        session.execute(AGE_APPROVALS)
    assert kinds(office) >= {"abandoned", "open_step", "never_started"}


def test_one_round_is_started_for_what_is_new(office: Office) -> None:
    watch = Watch(office.services.engine, office.services.settings)
    assert watch.news() is None
    begun(office)
    key = watch.news()
    assert key is not None
    assert watch.news() is None
    # Whoever leads next finds the same, and starts the same round.
    assert Watch(office.services.engine, office.services.settings).news() == key
    begun(office)
    assert watch.news() not in (None, key)


@given(st.floats(0, 7200))
def test_what_stays_due_has_rounds_at_growing_distances(age: float) -> None:
    due = Due("abandoned", "an execution", NOW - timedelta(seconds=age))

    def known(seconds_later: float) -> bool:
        return keys_of([due], now=NOW + timedelta(seconds=seconds_later)) <= keys_of([due], now=NOW)

    assert known(0)
    # At the latest when it has been due twice as long, or for another hour.
    assert not known(min(age + AGAIN_SECONDS, 3600) + 1)


def test_queued_steps_are_nobody_elses_until_their_process_is_silent(office: Office) -> None:
    office.perform(RESTART)
    with transaction(office.services.engine) as session:
        session.execute(AGE_STEPS)
    with transaction(office.services.engine) as session:
        (due,) = steps_due(session, older_than_seconds=30)
        keep_queued(session, [due.execution_id], older_than_seconds=5)
    with transaction(office.services.engine) as session:
        assert not steps_due(session, older_than_seconds=30)
        assert steps_due(session, older_than_seconds=0)


def test_an_execution_is_taken_while_its_owner_lives_and_once_it_is_over(office: Office) -> None:
    open_one, over = office.approved(RESTART), office.approved(RESTART)
    silent = begun(office).approval_id
    report = office.run(over)
    with transaction(office.services.engine) as session:
        (found,) = taken(session, [open_one, over, silent])
    assert (found.approval_id, found.report and found.report["message"]) == (over, report.message)
