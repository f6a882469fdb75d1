"""Any order of claims, deaths, takeovers, sends, answers and settlements keeps the promises.

The machine drives the real database through several workers and compares with a model of one approval. Workers
act on what they were last told, so most of them act on stale knowledge, as a worker after a long pause does.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from countersign.errors import KillSwitchOn, StaleFence
from countersign.records.approvals import get_approval
from countersign.records.claims import ClaimResult, extend_lease
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.holds import acquire, held_keys
from countersign.records.journal import entries, record_answer, record_intent
from countersign.records.outcomes import Outcome, approval_status_after
from countersign.records.owned import Owned
from countersign.records.plans import store_plan
from countersign.records.queries import get_execution
from countersign.records.settlement import settle
from countersign.records.states import Answer, EntryKind
from tests.records.builders import approved, claims, end_lease, unsealed

pytestmark = pytest.mark.all_rights

WORKERS = st.integers(0, 2)
OUTCOMES = st.sampled_from([one for one in Outcome if one not in (Outcome.DRY_RUN, Outcome.POSTPONED)])


def machine(engine: Engine) -> type[RuleBasedStateMachine]:
    """Return the machine for one database."""

    class Workers(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            with transaction(engine) as session:
                set_kill_switch(session, False, by="test", reason="start")
                session.execute(
                    text("UPDATE target_hold SET released_at = clock_timestamp() WHERE released_at IS NULL")
                )
            self.approval_id = approved(engine)
            self.former: list[Owned] = []
            self.killed = False
            self.begin_anew()

        def begin_anew(self) -> None:
            self.known: dict[int, Owned] = {}
            self.fence = 0
            self.leased = False
            self.outcome: Outcome | None = None
            self.plan: int | None = None
            self.sent: list[tuple[int, int]] = []
            self.held = False
            self.kept_back = 0

        def newest(self, worker: int) -> bool:
            return worker in self.known and self.known[worker].fence == self.fence and self.outcome is None

        @rule(worker=WORKERS)
        def claim(self, worker: int) -> None:
            answer = claims(engine, self.approval_id, worker=f"w{worker}")
            if self.outcome is not None:
                assert (answer.result, answer.outcome) == (ClaimResult.FINISHED, self.outcome)
            elif self.leased:
                assert answer.result is ClaimResult.HELD
            elif not self.fence and self.killed:
                assert answer.result is ClaimResult.NOT_CLAIMABLE
            else:
                assert answer.result is (ClaimResult.TAKEN_OVER if self.fence else ClaimResult.CLAIMED)
                assert answer.owned is not None
                assert answer.owned.fence == self.fence + 1
                self.fence, self.leased = answer.owned.fence, True
                self.known[worker] = answer.owned

        @precondition(lambda self: self.leased and self.outcome is None)
        @rule()
        def owner_falls_silent(self) -> None:
            end_lease(engine, next(iter(self.known.values())).execution_id)
            self.leased = False

        @precondition(lambda self: self.fence and self.outcome is None)
        @rule(worker=WORKERS)
        def takes_over(self, worker: int) -> None:
            self.owner_falls_silent()
            self.claim(worker)

        @precondition(lambda self: not self.killed)
        @rule()
        def switch_on(self) -> None:
            self.switch(True)

        @precondition(lambda self: self.killed)
        @rule()
        def switch_off(self) -> None:
            self.switch(False)

        def switch(self, on: bool) -> None:
            with transaction(engine) as session:
                set_kill_switch(session, on, by="test", reason="rule")
            self.killed = on

        @precondition(lambda self: self.known)
        @rule(data=st.data())
        def extend(self, data: st.DataObject) -> None:
            worker = data.draw(st.sampled_from(sorted(self.known)))
            if not self.newest(worker):
                with pytest.raises(StaleFence), transaction(engine) as session:
                    extend_lease(session, self.known[worker], 30)
                return
            with transaction(engine) as session:
                extend_lease(session, self.known[worker], 30)
            self.leased = True

        @precondition(lambda self: self.known)
        @rule(data=st.data(), number=st.integers(1, 9))
        def plans(self, data: st.DataObject, number: int) -> None:
            worker = data.draw(st.sampled_from(sorted(self.known)))
            if not self.newest(worker):
                with pytest.raises(StaleFence), transaction(engine) as session:
                    store_plan(session, self.known[worker], plan={"n": number}, plan_hash=str(number), plan_mac="m")
                return
            self.plan = self.plan if self.plan and len(self.sent) > self.kept_back else number
            with transaction(engine) as session:
                mine, name = self.known[worker], str(number)
                stored = store_plan(session, mine, plan={"n": number}, plan_hash=name, plan_mac="m")
            assert stored.plan == {"n": self.plan}

        @precondition(lambda self: self.known)
        @rule(data=st.data())
        def holds(self, data: st.DataObject) -> None:
            worker = data.draw(st.sampled_from(sorted(self.known)))
            if not self.newest(worker):
                with pytest.raises(StaleFence), transaction(engine) as session:
                    acquire(session, self.known[worker], ["t"])
                return
            with transaction(engine) as session:
                assert acquire(session, self.known[worker], ["t"]) is None
            self.held = True

        @precondition(lambda self: self.known)
        @rule(data=st.data())
        def sends(self, data: st.DataObject) -> None:
            worker = data.draw(st.sampled_from(sorted(self.known)))
            mine = self.known[worker]
            expected = None if self.newest(worker) and self.leased else StaleFence
            expected = KillSwitchOn if self.killed else expected
            if expected:
                with pytest.raises(expected), transaction(engine) as session:
                    record_intent(session, mine, step="1", attempt=1, payload={}, sealing=unsealed)
                return
            with transaction(engine) as session:
                record_intent(session, mine, step="1", attempt=1, payload={}, sealing=unsealed)
            self.sent.append((mine.fence, worker))

        @precondition(lambda self: self.known)
        @rule(data=st.data(), said=st.sampled_from(Answer))
        def answers(self, data: st.DataObject, said: Answer) -> None:
            worker = data.draw(st.sampled_from(sorted(self.known)))
            if not self.newest(worker):
                with pytest.raises(StaleFence), transaction(engine) as session:
                    record_answer(session, self.known[worker], step="1", attempt=1, answer=said, sealing=unsealed)
                return
            with transaction(engine) as session:
                record_answer(session, self.known[worker], step="1", attempt=1, answer=said, sealing=unsealed)
            self.kept_back += said is Answer.NOT_SENT

        @precondition(lambda self: self.known)
        @rule(data=st.data(), outcome=OUTCOMES)
        def settles(self, data: st.DataObject, outcome: Outcome) -> None:
            worker = data.draw(st.sampled_from(sorted(self.known)))
            mine = self.known[worker]
            repeated = mine.fence == self.fence and self.outcome is outcome
            if not self.newest(worker) and not repeated:
                with pytest.raises(StaleFence), transaction(engine) as session:
                    settle(session, mine, outcome=outcome, error="e", report={})
                return
            with transaction(engine) as session:
                done = settle(session, mine, outcome=outcome, error="e", report={"by": worker})
            assert done.first is not repeated
            self.outcome, self.held = outcome, False

        @precondition(lambda self: self.known and self.outcome is None)
        @rule(data=st.data())
        def postpones(self, data: st.DataObject) -> None:
            worker = data.draw(st.sampled_from(sorted(self.known)))
            mine = self.known[worker]
            expected: type[Exception] | None = None if self.newest(worker) else StaleFence
            if expected is None and len(self.sent) > self.kept_back:
                expected = IntegrityError
            if expected:
                with pytest.raises(expected), transaction(engine) as session:
                    settle(session, mine, outcome=Outcome.POSTPONED, error="e", report={})
                return
            with transaction(engine) as session:
                settle(session, mine, outcome=Outcome.POSTPONED, error="e", report={})
            self.former += self.known.values()
            self.begin_anew()

        @precondition(lambda self: self.former)
        @rule(data=st.data())
        def a_former_owner_writes(self, data: st.DataObject) -> None:
            mine = data.draw(st.sampled_from(self.former))
            with pytest.raises((StaleFence, KillSwitchOn)), transaction(engine) as session:
                record_intent(session, mine, step="1", attempt=1, payload={}, sealing=unsealed)

        @invariant()
        def the_record_tells_what_happened(self) -> None:
            if not getattr(self, "fence", 0):
                if hasattr(self, "approval_id"):
                    with transaction(engine) as session:
                        assert get_approval(session, self.approval_id).status == "approved"
                return
            with transaction(engine) as session:
                execution = get_execution(session, next(iter(self.known.values())).execution_id)
                approval = get_approval(session, self.approval_id)
                journal = entries(session, execution.id)
                held = held_keys(session, execution.id)
            assert (execution.fence, execution.outcome) == (self.fence, self.outcome)
            assert approval.status == (approval_status_after(self.outcome) if self.outcome else "executing")
            assert [entry.fence for entry in journal if entry.kind is EntryKind.INTENT] == [f for f, _ in self.sent]
            fences = [entry.fence for entry in journal]
            assert fences == sorted(fences)
            assert held == ({"t"} if self.held else frozenset())

    return Workers


def test_no_order_of_events_breaks_the_promises(engine: Engine) -> None:
    run_state_machine_as_test(
        machine(engine),
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # A failing run of 30 steps is readable; shrinking it takes minutes on a real database.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        ),
    )
