"""The life of approvals as a machine: Hypothesis decides who does what next, and every promise is looked at after it.

The records, the performing and the concluding are the program's own, on a real PostgreSQL. The processes, the target
and the people around them are small enough to be seen through.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Engine, text

from countersign.errors import InvalidInput
from countersign.records.approvals import add_signature, cancel_approval, expire_due
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.manual_settlement import find_out
from countersign.records.operation_log import close_settled
from countersign.records.outcomes import Outcome
from countersign.records.queries import abandoned, waiting
from countersign.records.states import Decision
from tests.model.invariants import Seen, check
from tests.model.process import Job, Process
from tests.model.target import OBJECTS, Fault, Target
from tests.records.builders import end_lease, now, pending, signed_by

APPROVALS, PROCESSES = 4, 4
CLEAR = (
    "UPDATE approval SET status = 'cancelled' WHERE status IN ('pending', 'approved')",
    "UPDATE execution SET settled_at = clock_timestamp(), outcome = 'cancelled' WHERE settled_at IS NULL",
    "UPDATE approval SET status = 'cancelled' WHERE status = 'executing'",
    "UPDATE target_hold SET released_at = clock_timestamp() WHERE released_at IS NULL",
)
RUN_OUT = text("UPDATE approval SET expires_at = clock_timestamp() WHERE id = :id")
OWNER = text("SELECT fence, lease_until > clock_timestamp() AS lasts FROM execution WHERE id = :id")
HELD = text("""
    SELECT id FROM execution
    WHERE approval_id = :approval_id AND (settled_at IS NOT NULL OR lease_until > clock_timestamp())
""")
FAULTS = st.sampled_from([Fault.NONE, *Fault])
TURNS = st.lists(st.tuples(st.booleans(), FAULTS, st.integers(1, 9)), min_size=1, max_size=5)
SILENCE = text("""
    UPDATE execution SET lease_until = clock_timestamp() WHERE approval_id = :approval_id AND settled_at IS NULL
""")
some = st.integers(0, 99)
"""Which of those that there are."""


def machine(engine: Engine) -> type[RuleBasedStateMachine]:
    """Return the machine for one database."""
    names = count(1)

    class Lives(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.target = Target()
            self.jobs: dict[UUID, Job] = {}
            self.living: list[Process] = []
            self.seen = Seen()
            # One database for all examples: what an earlier one left open is over.
            self.switch(False)
            with transaction(engine) as session:
                for statement in CLEAR:
                    session.execute(text(statement))

        # --- people, and the world ----------------------------------------------------------------

        @precondition(lambda self: len(self.jobs) < APPROVALS)
        @rule(objects=st.sampled_from([("n0",), ("n1",), OBJECTS]), guarded=st.booleans())
        def file(self, objects: tuple[str, ...], guarded: bool) -> None:
            approval_id = pending(engine).id
            self.jobs[approval_id] = Job(approval_id, objects, guarded)
            self.decide(approval_id, "bob", Decision.APPROVE)

        @precondition(lambda self: self.jobs)
        @rule(which=some, what=st.sampled_from(["reject", "cancel", "expire", "switch on", "switch off", "change"]))
        def interfere(self, which: int, what: str) -> None:
            job = self.one_of(which)
            match what:
                case "reject":
                    self.decide(job.approval_id, "ann", Decision.REJECT)
                case "cancel":
                    with suppress(InvalidInput), transaction(engine) as session:  # or it was started
                        cancel_approval(session, job.approval_id, by="alice")
                case "expire":
                    with transaction(engine) as session:
                        session.execute(RUN_OUT, {"id": job.approval_id})
                case "switch on" | "switch off":
                    self.switch(what == "switch on")
                case "change":
                    self.target.somebody_changes(job.objects[0])

        def decide(self, approval_id: UUID, signer: str, decision: Decision) -> None:
            with suppress(InvalidInput), transaction(engine) as session:  # or it is too late
                add_signature(session, approval_id, signed_by(signer, decision), now=now())

        def switch(self, on: bool) -> None:
            with transaction(engine) as session:
                set_kill_switch(session, on, by="alice", reason="rule")

        @precondition(lambda self: self.target.under_way)
        @rule()
        def arrive(self) -> None:
            self.target.arrive()

        @precondition(lambda self: self.seen.unknown)
        @rule(which=some)
        def find_out(self, which: int) -> None:
            """A person looks at the target, once nothing is under way, and says what is there."""
            self.target.arrive()
            execution = self.seen.unknown[which % len(self.seen.unknown)]
            job = self.jobs[execution.approval_id]
            landed = all(self.target.effects[f"{job.approval_id}/{name}"] for name in job.objects)
            with transaction(engine) as session:
                find_out(
                    session,
                    execution.id,
                    outcome=Outcome.SUCCESS if landed else Outcome.FAILED,
                    report={},
                    title="found out",
                    reason="seen",
                    by="alice",
                )

        # --- processes ----------------------------------------------------------------------------

        @precondition(lambda self: self.jobs and len(self.living) < PROCESSES)
        @rule(which=some)
        def start(self, which: int) -> None:
            self.begin(self.one_of(which))

        @precondition(lambda self: self.living)
        @rule(which=some, fault=FAULTS, points=st.integers(1, 4))
        def go_on(self, which: int, fault: Fault, points: int) -> None:
            self.advance(self.living[which % len(self.living)], fault, points)

        @precondition(lambda self: self.living)
        @rule(which=some)
        def die(self, which: int) -> None:
            self.living[which % len(self.living)].kill()
            self.bury()

        @precondition(lambda self: self.living)
        @rule(which=some)
        def heartbeat(self, which: int) -> None:
            self.living[which % len(self.living)].heartbeat()

        @precondition(lambda self: self.seen.unsettled)
        @rule(which=some)
        def lease_ends(self, which: int) -> None:
            end_lease(engine, self.seen.unsettled[which % len(self.seen.unsettled)].id)

        @precondition(lambda self: self.seen.open and len(self.living) < PROCESSES - 1)
        @rule(which=some, points=st.integers(0, 9), fault=FAULTS, turns=TURNS)
        def take_over(self, which: int, points: int, fault: Fault, turns: list[tuple[bool, Fault, int]]) -> None:
            """An owner falls silent somewhere, and lives on: it and its successor take turns."""
            job = self.jobs[self.seen.open[which % len(self.seen.open)]]
            former = next((each for each in self.living if each.job == job), None) or self.begin(job)
            self.advance(former, fault, points)
            with transaction(engine) as session:
                session.execute(SILENCE, {"approval_id": job.approval_id})
            successor = self.begin(job)
            for is_successors, another_fault, more in turns:
                self.advance(successor if is_successors else former, another_fault, more)
                self.promises_hold()

        # --- reconciliation -----------------------------------------------------------------------

        @rule()
        def expire_and_close(self) -> None:
            with transaction(engine) as session:
                expire_due(session)
                close_settled(session)

        def teardown(self) -> None:
            """Whatever happened, rounds of reconciliation lead every approval to an end."""
            try:
                self.come_to_an_end()
            finally:
                for process in self.living:
                    if not process.ended:
                        process.kill()

        def come_to_an_end(self) -> None:
            for process in self.living:
                process.kill()
            self.bury()
            self.switch(False)
            self.target.arrive()
            for _ in range(3 * APPROVALS):
                self.expire_and_close()
                for job in self.found_by_a_round():
                    process = self.begin(job)
                    while not process.ended:
                        self.advance(process)
                self.promises_hold()
                if not self.seen.open:
                    break
            assert not self.seen.open, "reconciliation does not lead to an end"
            assert not self.seen.held, "a target stays held"
            assert not self.seen.open_logs, "an operation log row stays open"

        def found_by_a_round(self) -> Iterator[Job]:
            with transaction(engine) as session:
                for execution in self.seen.unsettled:
                    session.execute(
                        text("UPDATE execution SET lease_until = clock_timestamp() WHERE id = :id"),
                        {"id": execution.id},
                    )
            with transaction(engine) as session:
                found = [each.approval_id for each in abandoned(session)]
                found += [each.approval_id for each in waiting(session, older_than_seconds=0)]
            return (self.jobs[approval_id] for approval_id in found)

        # --- in common ----------------------------------------------------------------------------

        def one_of(self, which: int) -> Job:
            return list(self.jobs.values())[which % len(self.jobs)]

        def begin(self, job: Job) -> Process:
            with transaction(engine) as session:
                is_held = session.execute(HELD, {"approval_id": job.approval_id}).one_or_none() is not None
            process = Process(engine, self.target, job, name=f"w{next(names)}")
            self.living.append(process)
            self.advance(process)
            assert process.owned is None or not is_held, "an execution was taken from an owner who is not silent"
            return process

        def advance(self, process: Process, fault: Fault = Fault.NONE, points: int = 1) -> None:
            for _ in range(points):
                if process.ended:
                    break
                if (
                    process.has_a_request_on_its_way
                    and not process.job.guarded
                    and not self.owns(process, lease=True)
                ):
                    # A request is sent only if the lease outlasts it; without a guard nothing else would stop it.
                    process.kill()
                else:
                    self.target.fault = fault
                    process.go_on()
                    self.target.fault = Fault.NONE
                    assert not process.has_just_written or self.owns(process), "a former owner's write was accepted"
            self.bury()

        def owns(self, process: Process, *, lease: bool = False) -> bool:
            assert process.owned is not None
            with transaction(engine) as session:
                owner = session.execute(OWNER, {"id": process.owned.execution_id}).one()
            return bool(owner.fence == process.owned.fence and (owner.lasts or not lease))

        def bury(self) -> None:
            self.living = [process for process in self.living if not process.ended]

        @invariant()
        def promises_hold(self) -> None:
            with transaction(engine) as session:
                self.seen = check(session, self.jobs, self.target, self.seen)

    return Lives
