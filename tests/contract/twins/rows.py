"""One row of the tables: objects, a command, what has to become of it, and what may differ and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

CRON_JOBS: Final = ("policy/v1",)
"""What a server has that has CronJobs in batch/v1: both came with 1.21."""


class Outcome(Enum):
    """What kubectl makes of the command, and what we make of it."""

    CHANGES = "both do it, and both twins end as the same objects"
    NOTHING = "kubectl succeeds and changes nothing; our plan has no steps"
    REFUSED = "both refuse it, and nothing changes"
    ALREADY = "kubectl refuses what already is as wanted; our plan has no steps"
    WE_REFUSE = "kubectl does it, we refuse it on purpose"
    WE_DO = "kubectl refuses it, we do it on purpose"

    @property
    def on_purpose(self) -> bool:
        """Is it a difference, so that the row says why?"""
        return self in (Outcome.ALREADY, Outcome.WE_REFUSE, Outcome.WE_DO)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One command on both twins.

    In texts NODE is the twin's own node, NAMESPACE its namespace, FREEPORT a node port that nothing has.
    """

    command: str
    objects: tuple[str, ...]
    """Files of `objects/`, without their ending, in the order of their creation."""
    outcome: Outcome
    makes: tuple[tuple[str, str, str], ...] = ()
    """Kind, version and name of what the command itself makes."""
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
    sample: bool = False
    """Is it one of those that stand for the rest, where there is time for some only?"""

    @property
    def title(self) -> str:
        """The row's name in reports."""
        return " && ".join([*self.before, self.command])


def rows(outcome: Outcome, objects: str, *commands: str | tuple[str, ...], **other: Any) -> tuple[Row, ...]:
    """Return a row for each command on the same objects, the first one as their sample.

    Of a tuple, the last command is the row's, and kubectl does the others before.
    """
    lines = [(command,) if isinstance(command, str) else command for command in commands]
    return tuple(
        Row(
            command=line[-1],
            objects=tuple(objects.split()),
            outcome=outcome,
            before=line[:-1],
            sample=line is lines[0],
            **other,
        )
        for line in lines
    )


def unmet(needs: tuple[str, ...], lacks: tuple[str, ...], versions: Callable[[str], list[str]]) -> str:
    """Return what a server whose API groups have these versions has too little or too much, or ""."""
    for groups, wanted in ((needs, True), (lacks, False)):
        for group, _, version in (entry.partition("/") for entry in groups):
            if (version in versions(group)) is not wanted:
                return f"the server {'lacks' if wanted else 'has'} {group}/{version}"
    return ""
