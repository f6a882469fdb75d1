"""What comes back where the records have no value of their own for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from countersign.errors import ConfigurationError
from countersign.execution.explanation import Answer
from countersign.records.tables import Approval


@dataclass(frozen=True)
class FiledRequest:
    """A request that is on record now."""

    id: UUID
    reading: Mapping[str, Any]
    """What the action means."""
    selector: str | None
    """The action's selector, if it had one; `selected` are the names that it meant."""
    selected: Sequence[str]


@dataclass(frozen=True)
class Decided:
    """A request after somebody has decided about it."""

    approval: Approval
    given: Sequence[str]
    """Who has signed."""
    able: Sequence[str]
    """Whose signature would still count."""


@dataclass(frozen=True)
class Explained:
    """Whether a request would run now."""

    runs: bool
    answers: Sequence[Answer]
    policy: str | None
    """The policy that decided, None where there is none."""


@dataclass(frozen=True)
class RunTakers:
    """Who takes runs."""

    pool: str | None
    """None where Prefect cannot be asked."""
    online: Sequence[str]
    obstacle: ConfigurationError | None
    """What keeps every run from being started."""


@dataclass(frozen=True)
class WhoAsks:
    """Who is asking, and the roles that the policy gives them."""

    name: str
    kind: str
    groups: Sequence[str]
    roles: Sequence[str]
    limited_to: Sequence[str] | None
    """Roles that the token may use; None is all."""


@dataclass(frozen=True)
class WholePlaybook:
    """A playbook with its history."""

    facts: Mapping[str, Any]
    """As JSON values."""
    document: str
    """As its file says it, YAML."""
    people_only_since: datetime | None
