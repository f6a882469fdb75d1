"""The few questions that every target answers, and the values they are asked and answered with.

A target turns an operation into a plan: an ordered list of steps in which everything is fixed that makes
sending a step twice harmless. A step is sent by `apply`; after a lost reply `inspect` tells whether it landed.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, Protocol, Self
from uuid import UUID

from countersign.actions.operation import Operation, Verb
from countersign.canonical import sha256_of
from countersign.errors import NoIntent


@dataclass(frozen=True)
class ObjectRef:
    """One object that can be acted on."""

    system: str
    """The cluster's or fleet's name, e.g. "production"."""
    kind: str
    """"Deployment", "Node", … or "Host"."""
    namespace: str | None
    name: str
    uid: str | None = None

    @property
    def key(self) -> str:
        """The name under which one execution at a time may hold this object."""
        return "/".join((self.system, self.kind, self.namespace or "-", self.name))

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {where}{self.name}"


class Match(StrEnum):
    """How a name in the action was found on the target."""

    EXACT = "exact"
    NORMALISED = "normalised"


@dataclass(frozen=True)
class Resolution:
    """The live objects an operation is about, in the order of its names."""

    refs: tuple[ObjectRef, ...]
    requested: tuple[str, ...]
    """The names as the action wrote them."""
    match: Match


@dataclass(frozen=True)
class Step:
    """One request to the target."""

    key: str
    """Unique and stable within the plan, e.g. "1-evict-default/api-0"."""
    ref: ObjectRef
    title: str
    """For people, e.g. "restart Deployment prod/api"."""
    request: Mapping[str, Any]
    """What `apply` sends; JSON without floats."""
    before: Mapping[str, Any]
    """The facts fixed before the effect."""
    wanted: Mapping[str, Any]
    """What `inspect` compares the target with."""
    changes: bool = True
    """False for a step that only waits for what others began."""


@dataclass(frozen=True)
class Intent:
    """A request that is on record, made by whoever has just committed its journal entry. `apply` sends nothing
    without the one of its step, and nothing twice with the same one.
    """

    execution_id: UUID
    entry: int
    """Number of the journal entry."""
    step: str
    """Step.key."""
    request_hash: str
    """SHA-256 of the canonical JSON of Step.request, as it is on record."""

    @classmethod
    def of(cls, step: Step, *, execution_id: UUID, entry: int) -> "Intent":
        """Return the intent of `step`, whose journal entry is committed."""
        return cls(execution_id, entry, step.key, sha256_of(step.request))

    def require(self, step: Step) -> None:
        """Raise NoIntent unless this is the intent of exactly this step's request."""
        if (self.step, self.request_hash) != (step.key, sha256_of(step.request)):
            raise NoIntent(f"{step.title}: the intent on record is of another request, so nothing was sent.")


class Spent:
    """The intents with which one connection has sent: each is good for one request."""

    def __init__(self) -> None:
        self._entries: set[int] = set()

    def spend(self, intent: Intent, step: Step) -> None:
        """Raise NoIntent where `intent` is another step's, or was sent with before."""
        intent.require(step)
        if intent.entry in self._entries:
            raise NoIntent(f"{step.title}: its intent was sent with already, so nothing was sent.")
        self._entries.add(intent.entry)


@dataclass(frozen=True)
class Impact:
    """How much the plan touches, for the policy."""

    affected_pods: int | None = None
    current_replicas: int | None = None
    wanted_replicas: int | None = None


@dataclass(frozen=True)
class Plan:
    """An operation after resolution, with everything fixed that makes replaying it harmless."""

    system: str
    verb: str
    """The operation's verb or the host tool."""
    refs: tuple[ObjectRef, ...]
    steps: tuple[Step, ...]
    impact: Impact
    made_at: str
    """RFC 3339, UTC."""
    deadline_seconds: int | None = None
    """Upper bound for performing the whole plan where it is long (drain)."""

    @property
    def deadline(self) -> datetime | None:
        """When the whole plan must be done, if it has a limit."""
        if self.deadline_seconds is None:
            return None
        return datetime.fromisoformat(self.made_at) + timedelta(seconds=self.deadline_seconds)

    @property
    def absent(self) -> tuple[ObjectRef, ...]:
        """What was to be deleted, was not there, and need not have been."""
        return tuple(ref for ref in self.refs if ref.uid is None) if self.verb == Verb.DELETE else ()

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values; `plan_from_json` reads it back."""
        return asdict(self)

    @property
    def hash(self) -> str:
        """SHA-256 of the plan's canonical JSON."""
        return sha256_of(self.to_json())


def plan_from_json(value: Mapping[str, Any]) -> Plan:
    """Read what `Plan.to_json` wrote."""
    return Plan(
        system=value["system"],
        verb=value["verb"],
        refs=tuple(ObjectRef(**ref) for ref in value["refs"]),
        steps=tuple(Step(**{**step, "ref": ObjectRef(**step["ref"])}) for step in value["steps"]),
        impact=Impact(**value["impact"]),
        made_at=value["made_at"],
        deadline_seconds=value["deadline_seconds"],
    )


DOUBT: Final = "doubt"
"""Key in Inspection.seen: a sentence about what else may have done what was seen."""


class Landed(StrEnum):
    """Did a step's effect happen?"""

    YES = "landed"
    NO = "not_landed"
    UNCLEAR = "cannot_tell"


@dataclass(frozen=True)
class Inspection:
    """The answer to "did it land?", with the reason and what was seen."""

    landed: Landed
    reason: str
    seen: Mapping[str, Any]


@dataclass(frozen=True)
class Receipt:
    """What the target answered to a step that it accepted."""

    detail: Mapping[str, Any]
    """E.g. {"resourceVersion": "812", "generation": 5}; small, without secrets."""


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    BLOCKING = "blocking"


@dataclass(frozen=True)
class Finding:
    """Something that preflight saw."""

    severity: Severity
    code: str
    """Stable, e.g. "pdb_no_headroom"."""
    message: str
    """A sentence for the person who reads the record."""


@dataclass(frozen=True)
class Snapshot:
    """Observed state of the plan's objects: evidence before and after."""

    at: str
    """RFC 3339, UTC."""
    objects: Mapping[str, Any]
    """By ObjectRef.key; JSON, without secrets."""


class Looking(Protocol):
    """Looks at one plan's objects. A context manager, for one thread."""

    @property
    def is_told(self) -> bool:
        """True where the target tells of what changes, so that it need not be asked often."""
        ...

    def look(self) -> Snapshot:
        """Return the objects as they are now. Raises TransientTargetError, PermanentTargetError."""
        ...

    def news(self) -> bool:
        """Tell whether the target told of something since the last look that may change a verdict."""
        ...

    def complete(self, seen: Snapshot) -> Snapshot:
        """Return the newest snapshot with what only the last one needs (events)."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Target(Protocol):
    """What can be acted on. Methods are synchronous and bounded in time.

    All raise from countersign.errors: TargetNotFound, TransientTargetError (nothing happened, retry),
    AmbiguousTargetError (only `apply`: sent, no answer), PreconditionFailed, PermanentTargetError.
    """

    refusals_are_final: bool
    """True where a refusal can only answer the very request that was sent (a command over SSH); False where something
    in between may have sent it before (an HTTP proxy that repeats requests)."""

    def resolve(self, operation: Operation) -> Resolution:
        """Find the live objects. Raises TargetNotFound with the nearest candidates."""
        ...

    def plan(self, operation: Operation, resolution: Resolution, *, at: datetime) -> Plan:
        """Fix everything that replay needs. Reads the target, changes nothing."""
        ...

    def preflight(self, plan: Plan) -> tuple[Finding, ...]:
        """Ask the target what speaks against the plan: server-side dry run, budgets, paused, ownership."""
        ...

    def apply(self, plan: Plan, step: Step, intent: Intent) -> Receipt:
        """Send one step, once; no retry inside. `intent` says that the request is on record."""
        ...

    def inspect(self, plan: Plan, step: Step) -> Inspection:
        """Tell from the target alone whether the step's effect happened."""
        ...

    def observe(self, plan: Plan) -> Snapshot:
        """Take evidence of the plan's objects."""
        ...

    def looking(self, plan: Plan) -> Looking:
        """Look at the plan's objects again and again."""
        ...

    def moment(self) -> AbstractContextManager[None]:
        """Take what is read within the block for one moment; for some seconds at most."""
        ...

    def invert(self, plan: Plan, *, generations: Mapping[str, int] | None = None) -> Plan | None:
        """Return the plan that takes this one back, or None where there is none (a deleted pod).

        `generations`: by ObjectRef.key the generation that an object has now, where it counts one. The requests then
        change nothing once it has another.
        """
        ...
