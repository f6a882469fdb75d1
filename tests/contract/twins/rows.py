"""One row of the tables: objects, a command, what has to become of it, and what may differ and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Outcome(Enum):
    """What kubectl makes of the command, and what we make of it."""

    CHANGES = "both do it, and both twins end as the same objects"
    NOTHING = "kubectl succeeds and changes nothing; our plan has no steps"
    REFUSED = "both refuse it, and nothing changes"
    ALREADY = "kubectl refuses what already is as wanted; our plan has no steps"
    WE_REFUSE = "kubectl does it, we refuse it on purpose"
    WE_DO = "kubectl refuses it, we do it on purpose"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One command on both twins.

    In texts NODE is the twin's own node, NAMESPACE its namespace, FREEPORT a node port that nothing has.
    """

    command: str
    objects: tuple[str, ...]
    """Files of `objects/`, without their ending, in the order of their creation."""
    outcome: Outcome
    before: tuple[str, ...] = ()
    """What kubectl does on both twins first."""
    why: str = ""
    """Of a difference on purpose: its reason."""
    differs: Mapping[str, str] = field(default_factory=dict)
    """Paths of the picture (patterns of fnmatch) that have to differ, each with the reason."""
    needs: tuple[str, ...] = ()
    """Groups and versions that the server must have, else the row says nothing there."""
    lacks: tuple[str, ...] = ()
    """Groups and versions that the server must not have."""
    sandbox: str = ""
    """What the sandbox does wrong; the row has to fail there."""
    ours: str = ""
    """What our client does wrong; the row has to fail everywhere."""

    @property
    def title(self) -> str:
        """The row's name in reports."""
        return " && ".join([*self.before, self.command])


def rows(outcome: Outcome, objects: str, *commands: str | tuple[str, ...], **other: object) -> tuple[Row, ...]:
    """Return a row for each command on the same objects; of a tuple, the last one is it and kubectl does the others."""
    made = []
    for command in commands:
        *before, last = (command,) if isinstance(command, str) else command
        made.append(
            Row(command=last, objects=tuple(objects.split()), outcome=outcome, before=tuple(before), **other)  # type: ignore[arg-type]
        )
    return tuple(made)
