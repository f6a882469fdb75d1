"""The Kubernetes cluster as a target: the few questions of countersign.targets.model, asked over one connection."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from threading import Event

from countersign.actions.operation import KubernetesOperation, Operation
from countersign.errors import PermanentTargetError, Stopped
from countersign.settings import Settings
from countersign.targets.kubernetes.apply import apply
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.inspect import inspect
from countersign.targets.kubernetes.invert import invert
from countersign.targets.kubernetes.observe import observe
from countersign.targets.kubernetes.plan import make_plan
from countersign.targets.kubernetes.preflight import preflight
from countersign.targets.kubernetes.resolve import resolve
from countersign.targets.kubernetes.watching import WatchedObjects
from countersign.targets.model import Finding, Inspection, Intent, Looking, Plan, Receipt, Resolution, Snapshot, Step

_DRAIN_SECONDS = int(Settings.model_fields["drain_timeout_seconds"].default)


class KubernetesTarget:
    """Implements countersign.targets.model.Target for one cluster."""

    refusals_are_final = False

    def __init__(
        self, connection: Connection, *, drain_timeout_seconds: int = _DRAIN_SECONDS, stop: Event | None = None
    ) -> None:
        """`stop` ends the wait for evicted pods when it is set."""
        self._connection = connection
        self._drain_timeout_seconds = drain_timeout_seconds
        self._stop = stop or Event()

    def resolve(self, operation: Operation) -> Resolution:
        """Find the live objects. Raises TargetNotFound with candidates, PolicyRefused for a foreign namespace."""
        return resolve(self._connection, _kubernetes(operation))

    def plan(self, operation: Operation, resolution: Resolution, *, at: datetime) -> Plan:
        """Fix everything that replay needs; a plan without steps means that everything already is as wanted.

        Raises PreflightRefused where kubectl would refuse too (a flag is missing, another value is there).
        """
        return make_plan(
            self._connection,
            _kubernetes(operation),
            resolution,
            at=at,
            drain_timeout_seconds=self._drain_timeout_seconds,
        )

    def preflight(self, plan: Plan) -> tuple[Finding, ...]:
        """Ask the cluster what speaks against the plan."""
        return preflight(self._connection, plan)

    def apply(self, plan: Plan, step: Step, intent: Intent) -> Receipt:
        """Send one step. The wait at a drain's end may take up to the plan's deadline; raises Stopped before it."""
        return apply(self._connection, plan, step, intent, pause=self._pause)

    def inspect(self, plan: Plan, step: Step) -> Inspection:
        """Tell from the cluster alone whether the step's effect happened."""
        return inspect(self._connection, plan, step)

    def observe(self, plan: Plan) -> Snapshot:
        """Take evidence of the plan's objects, without secrets."""
        return observe(self._connection, plan, at=datetime.now(UTC))

    def looking(self, plan: Plan) -> Looking:
        """Look at the plan's objects again and again; the cluster tells when to."""
        return WatchedObjects(self._connection, plan)

    def moment(self) -> AbstractContextManager[None]:
        """Take what is read within the block for one moment, so that nothing is read twice."""
        return self._connection.moment()

    def invert(self, plan: Plan, *, generations: Mapping[str, int] | None = None) -> Plan | None:
        """Return the plan that takes this one back, None for restarts, deletions and drains."""
        return invert(plan, generations=generations)

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped


def _kubernetes(operation: Operation) -> KubernetesOperation:
    if not isinstance(operation, KubernetesOperation):
        raise PermanentTargetError(f"{type(operation).__name__} is not an operation on a Kubernetes cluster")
    return operation
