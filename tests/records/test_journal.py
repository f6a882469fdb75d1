"""The journal and the kill switch: nothing is sent that was not written down first, by its owner."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from countersign.errors import ApprovalExpired, InvalidInput, KillSwitchOn, NotFound, StaleFence
from countersign.records.claims import start_dry_run
from countersign.records.control import kill_switch, set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.journal import (
    entries,
    intended_steps,
    landed_steps,
    progress,
    record_answer,
    record_intent,
)
from countersign.records.outcomes import Outcome
from countersign.records.owned import Owned
from countersign.records.plans import plan_of, store_plan
from countersign.records.settlement import settle
from countersign.records.states import Answer, EntryKind
from countersign.records.tables import JournalEntry
from tests.records.builders import approved, end_lease, owned, taken_over, unsealed


def intend(engine: Engine, mine: Owned, step: str = "1-restart", attempt: int = 1, needed: float = 0) -> int:
    with transaction(engine) as session:
        return record_intent(
            session,
            mine,
            step=step,
            attempt=attempt,
            payload={"n": attempt},
            lease_needed_seconds=needed,
            sealing=unsealed,
        )


def answer(engine: Engine, mine: Owned, said: Answer, step: str = "1-restart", attempt: int = 1) -> int:
    with transaction(engine) as session:
        return record_answer(
            session, mine, step=step, attempt=attempt, answer=said, detail={"was": "x"}, sealing=unsealed
        )


def test_an_intent_without_an_answer_is_what_a_new_owner_must_inspect(engine: Engine) -> None:
    mine = owned(engine)
    intend(engine, mine, "1-a")
    answer(engine, mine, Answer.LANDED, "1-a")
    intend(engine, mine, "2-b")
    new = taken_over(engine, mine)
    with transaction(engine) as session:
        assert landed_steps(session, new.execution_id) == {"1-a"}
        assert intended_steps(session, new.execution_id) == {"2-b"}
        assert [entry.fence for entry in entries(session, new.execution_id)] == [1, 1, 1]


def test_an_owner_who_was_replaced_writes_nothing_more(engine: Engine) -> None:
    old = owned(engine)
    new = taken_over(engine, old)
    with pytest.raises(StaleFence, match="belongs to w2 now"):
        intend(engine, old)
    with pytest.raises(StaleFence):
        answer(engine, old, Answer.LANDED)
    with pytest.raises(StaleFence), transaction(engine) as session:
        store_plan(session, old, plan={}, plan_hash="h", plan_mac="m")
    assert intend(engine, new) > 0


def test_an_owner_whose_lease_is_over_sends_nothing(engine: Engine) -> None:
    mine = owned(engine)
    end_lease(engine, mine.execution_id)
    with pytest.raises(StaleFence, match="is over"):
        intend(engine, mine)
    answer(engine, mine, Answer.RETRY)


def test_the_lease_must_last_as_long_as_the_request_may_take(engine: Engine) -> None:
    mine = owned(engine)
    with pytest.raises(StaleFence):
        intend(engine, mine, needed=31)
    intend(engine, mine, needed=20)


def test_nothing_is_sent_after_the_outcome(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        settle(session, mine, outcome=Outcome.SUCCESS, report={})
    with pytest.raises(StaleFence, match="settled as success"):
        intend(engine, mine)


def test_a_dry_run_cannot_write_an_intent(engine: Engine) -> None:
    with transaction(engine) as session:
        dry = start_dry_run(session, approved(engine), worker="w", flow_run_id=None, lease_seconds=30)
    with pytest.raises(StaleFence):
        intend(engine, dry.owned)


def test_an_unknown_execution_is_not_found(engine: Engine) -> None:
    mine = owned(engine)
    with pytest.raises(NotFound):
        intend(engine, Owned(mine.execution_id.__class__(int=1), 1))


def test_the_kill_switch_stops_the_next_intent_and_says_who_set_it(engine: Engine) -> None:
    mine = owned(engine)
    intend(engine, mine)
    with transaction(engine) as session:
        set_kill_switch(session, True, by="carol", reason="data centre move")
    with pytest.raises(KillSwitchOn, match="set by carol: data centre move"):
        intend(engine, mine, attempt=2)
    answer(engine, mine, Answer.LANDED)
    with transaction(engine) as session:
        set_kill_switch(session, False, by="carol", reason="done")
        assert not kill_switch(session).is_on
        changes = session.execute(text("SELECT is_on, changed_by FROM control_change ORDER BY seq")).all()
    assert [tuple(change) for change in changes] == [(True, "carol"), (False, "carol")]
    intend(engine, mine, attempt=2)


def test_the_kill_switch_wants_a_name_and_a_reason(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="reason"), transaction(engine) as session:
        set_kill_switch(session, True, by="carol", reason=" ")


def _waits_for(engine: Engine, table: str) -> bool:
    """Whether some connection of this database waits for a lock, on a row of `table` or its transaction."""
    with transaction(engine) as session:
        return bool(
            session.execute(
                text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ILIKE :q"),
                {"q": f"%{table}%"},
            ).scalar_one()
        )


def test_setting_the_switch_waits_for_an_intent_that_is_being_written(engine: Engine) -> None:
    mine = owned(engine)
    with ThreadPoolExecutor(1) as pool:
        with transaction(engine) as session:
            record_intent(session, mine, step="1", attempt=1, payload={}, sealing=unsealed)

            def switch() -> None:
                with transaction(engine) as other:
                    set_kill_switch(other, True, by="carol", reason="stop")

            waiting = pool.submit(switch)
            while not _waits_for(engine, "update control"):
                assert not waiting.done()
        waiting.result()
    with pytest.raises(KillSwitchOn):
        intend(engine, mine, attempt=2)


def test_an_intent_that_waited_for_the_switch_is_refused(engine: Engine) -> None:
    mine = owned(engine)
    with ThreadPoolExecutor(1) as pool:
        with transaction(engine) as session:
            set_kill_switch(session, True, by="carol", reason="stop")
            waiting = pool.submit(intend, engine, mine)
            while not _waits_for(engine, "insert into journal_entry"):
                assert not waiting.done()
        with pytest.raises(KillSwitchOn):
            waiting.result()


def test_an_intent_that_waited_for_a_takeover_is_refused(engine: Engine) -> None:
    mine = owned(engine)
    with ThreadPoolExecutor(1) as pool:
        with transaction(engine) as session:
            # What a takeover does, with a lease that lasts: the fence alone has to refuse.
            session.execute(text("UPDATE execution SET fence = fence + 1, worker = 'w2'"))
            waiting = pool.submit(intend, engine, mine)
            while not _waits_for(engine, "insert into journal_entry"):
                assert not waiting.done()
        with pytest.raises(StaleFence, match="belongs to w2 now"):
            waiting.result()
    with transaction(engine) as session:
        assert not entries(session, mine.execution_id)


def test_a_plan_stays_once_a_request_of_it_may_have_left(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        assert plan_of(session, mine.execution_id) is None
        store_plan(session, mine, plan={"steps": [1]}, plan_hash="first", plan_mac="m")
        record_intent(session, mine, step="1", attempt=1, payload={}, sealing=unsealed)
    new = taken_over(engine, mine)
    with transaction(engine) as session:
        stored = store_plan(session, new, plan={"steps": [2]}, plan_hash="second", plan_mac="m")
        assert (stored.plan, stored.plan_hash) == ({"steps": [1]}, "first")
        assert plan_of(session, mine.execution_id) == stored


def test_a_plan_of_which_nothing_left_is_made_anew(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        store_plan(session, mine, plan={"steps": [1]}, plan_hash="first", plan_mac="m")
        record_intent(session, mine, step="1", attempt=1, payload={}, sealing=unsealed)
        record_answer(session, mine, step="1", attempt=1, answer=Answer.NOT_SENT, sealing=unsealed)
        assert store_plan(session, mine, plan={"steps": [2]}, plan_hash="second", plan_mac="m").plan_hash == "second"
        (entry,) = progress(entries(session, mine.execution_id)).values()
        assert (entry.attempts, entry.open, entry.landed) == (0, False, False)


@pytest.mark.all_rights
def test_an_approval_that_expires_while_it_waits_is_not_sent(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        session.execute(text("UPDATE approval SET expires_at = clock_timestamp() - interval '1 second'"))
    with pytest.raises(ApprovalExpired), transaction(engine) as session:
        record_intent(session, mine, step="1", attempt=1, payload={}, sealing=unsealed)
    with transaction(engine) as session:
        # Waiting for what was sent changes nothing.
        record_intent(session, mine, step="2", attempt=1, payload={}, expires=False, sealing=unsealed)


def test_foreign_bytes_in_an_answer_are_stored_all_the_same(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        record_answer(
            session,
            mine,
            step="1",
            attempt=1,
            answer=Answer.REFUSED,
            detail={"a\x00": ["\x00", "\ud800", {"b": 1}]},
            sealing=unsealed,
        )
        (entry,) = entries(session, mine.execution_id)
    assert entry.payload == {"a\ufffd": ["\ufffd", "?", {"b": 1}]}


Entry = tuple[EntryKind, Answer | None]
histories = st.lists(
    st.one_of(st.just((EntryKind.INTENT, None)), st.sampled_from(Answer).map(lambda said: (EntryKind.ANSWER, said))),
    max_size=8,
)


@given(histories)
def test_a_step_is_open_until_an_answer_says_what_became_of_it(history: list[Entry]) -> None:
    journal = [
        JournalEntry(seq=n, execution_id=None, fence=1, kind=kind, step="s", attempt=1, answer=said, payload={})
        for n, (kind, said) in enumerate(history)
    ]
    found = progress(journal)
    if not history:
        assert found == {}
        return
    step = found["s"]
    last_kind, last_said = history[-1]
    landed = (EntryKind.ANSWER, Answer.LANDED) in history
    assert step.landed == landed
    left = 0
    for kind, said in history:
        left = left + 1 if kind is EntryKind.INTENT else max(0, left - (said is Answer.NOT_SENT))
    assert step.attempts == left
    assert step.open == (last_kind is EntryKind.INTENT or (last_said is Answer.UNCLEAR and not landed))
