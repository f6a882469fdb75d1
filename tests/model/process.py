"""A process that executes an approval, stopped at every named point until the model lets it go on, or kills it.

It runs what a worker runs (claims, holds, plans, Performance, conclude, settle), on a thread of its own; of all these
threads and the model's one at a time does anything.
"""

from dataclasses import dataclass
from threading import Event, Semaphore, Thread
from uuid import UUID

from sqlalchemy import Engine

from countersign.actions.operation import KubernetesOperation, NoParameters, Verb
from countersign.errors import CountersignError, StaleFence
from countersign.execution import plan_records
from countersign.execution.conclusion import conclude
from countersign.execution.performance import Performance, progress_of
from countersign.execution.plan_seal import SealedJournal, store, stored_plan
from countersign.execution.progress import NOTHING
from countersign.execution.run_state import Known
from countersign.execution.settlement import put_on_record
from countersign.records import claims
from countersign.records.approvals import get_approval
from countersign.records.claims import ClaimResult
from countersign.records.database.engine import transaction
from countersign.records.operation_log import open_log
from countersign.records.owned import Owned
from countersign.targets.classify import is_transient
from countersign.targets.model import Match, Resolution
from tests.model.target import Target
from tests.sealed import SEAL

ATTEMPTS = 3
LOOKS_FOR_A_HOLD = 2
LEASE_SECONDS = 3600
"""Leases end when the model ends them."""


class Killed(BaseException):
    """SIGKILL: nothing catches it."""


@dataclass(frozen=True)
class Job:
    """What an approval's action means to the target."""

    approval_id: UUID
    objects: tuple[str, ...]
    guarded: bool


class Process:
    """One life of one worker."""

    def __init__(self, engine: Engine, target: Target, job: Job, *, name: str) -> None:
        self.engine, self.target, self.job, self.name = engine, target, job, name
        self.owned: Owned | None = None
        self.point = ""
        """Where it waits."""
        self.ended = False
        self.has_settled = False
        self.error: BaseException | None = None
        self._stop = Event()
        self._killed = False
        self._mine, self._models = Semaphore(0), Semaphore(0)
        self._thread = Thread(target=self._live, name=name, daemon=True)
        self._thread.start()

    def go_on(self) -> None:
        """Let it run to its next point or its end. Raises what went wrong that should not have."""
        assert not self.ended
        self._mine.release()
        assert self._models.acquire(timeout=60), f"{self.name} hangs at {self.point}"
        if self.error is not None:
            raise self.error

    def kill(self) -> None:
        """End it where it stands."""
        self._killed = True
        self.go_on()
        assert self.ended
        self._thread.join(60)

    def heartbeat(self) -> None:
        """Extend the lease as the worker's heart does, and stop sending once that is refused."""
        if self.owned is None:
            return
        try:
            with transaction(self.engine) as session:
                claims.extend_lease(session, self.owned, LEASE_SECONDS)
        except StaleFence:
            self._stop.set()

    @property
    def has_a_request_on_its_way(self) -> bool:
        """It wrote its intent down, and its request leaves next."""
        return self.point.startswith("intent:")

    @property
    def has_just_written(self) -> bool:
        """What it did last is a write that its execution's owner alone may do."""
        return self.has_settled or self.point.startswith(("intent:", "answered:"))

    def _wait(self, point: str) -> None:
        self.point = point
        self._models.release()
        self._mine.acquire()
        if self._killed:
            raise Killed

    def _live(self) -> None:
        self._mine.acquire()
        try:
            if not self._killed:
                self._execute()
        except Killed:
            pass
        except StaleFence:
            pass  # it lost its execution, as it should have
        except BaseException as error:
            self.error = error
        self.ended = True
        self._models.release()

    def _execute(self) -> None:
        with transaction(self.engine) as session:
            answer = claims.claim(
                session, self.job.approval_id, worker=self.name, flow_run_id=None, lease_seconds=LEASE_SECONDS
            )
            approval = get_approval(session, self.job.approval_id)
        if answer.owned is None:
            assert answer.result not in (ClaimResult.CLAIMED, ClaimResult.TAKEN_OVER)
            return
        self.owned = answer.owned
        known = Known(approval, answer.owned)
        known.reading = KubernetesOperation(Verb.PATCH, "Deployment", self.job.objects, None, NoParameters())
        self._wait("claimed")
        with transaction(self.engine) as session:
            open_log(session, answer.owned.execution_id, actor=self.name)
        error: CountersignError | None = None
        try:
            self._plan(known)
            self._perform(known)
        except StaleFence:
            raise
        except CountersignError as raised:
            error = raised
        self._wait("concluded")
        known.plan = known.plan or stored_plan(self.engine, SEAL, known.owned.execution_id)
        progress = progress_of(self.engine, SEAL, known.owned.execution_id, known.plan) if known.plan else NOTHING
        put_on_record(self.engine, known, conclude(error, known, progress, dry_run=False), progress, dry_run=False)
        self.has_settled = True

    def _plan(self, known: Known) -> None:
        known.plan = stored_plan(self.engine, SEAL, known.owned.execution_id)
        plan = known.plan or self.target.plan_of(
            str(self.job.approval_id), self.job.objects, guarded=self.job.guarded
        )
        resolution = Resolution(plan.refs, self.job.objects, Match.EXACT)
        looks = 0
        while (holder := plan_records.hold(self.engine, known.owned, resolution)) is not None:
            looks += 1
            if looks == LOOKS_FOR_A_HOLD:
                raise plan_records.held(holder)
            self._wait("waiting for the target")
        self._wait("held")
        if known.plan is None:
            # As the target is once it is ours.
            plan = self.target.plan_of(str(self.job.approval_id), self.job.objects, guarded=self.job.guarded)
            known.plan = store(self.engine, SEAL, known.owned, plan)
        self._wait("planned")

    def _perform(self, known: Known) -> None:
        assert known.plan is not None
        for attempt in range(1, ATTEMPTS + 1):
            try:
                Performance(
                    journal=SealedJournal(self.engine, SEAL, known.owned),
                    owned=known.owned,
                    plan=known.plan,
                    target=self.target,
                    attempt=attempt,
                    lease_needed_seconds=0,
                    late_effect_seconds=0,
                    stop=self._stop,
                    may_send=lambda: self._wait("about to send"),
                    at=self._wait,
                ).perform()
            except CountersignError as error:
                if attempt == ATTEMPTS or not is_transient(error):
                    raise
                self._wait("before another attempt")
            else:
                return
