"""What a host tool is: a name, who may use it, its parameters, and the pure and reading functions that make it safe.

A tool decides nothing about permission (gateway) and sends nothing itself (target): it says which facts make "did it
land?" answerable, which argument lists have the effect, and how the facts before and now compare.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from countersign.targets.hosts.output import Output
from countersign.targets.model import Finding, Inspection, Landed

Parameters = Mapping[str, str]
Facts = Mapping[str, Any]
"""What was read from the host: JSON without floats and without secrets."""

IN_PROGRESS = "in_progress"
"""A fact that, when true, says that the host is still at work on a change: look again later."""


class Scope(StrEnum):
    """What an agent must hold to use a tool. Each includes none of the others."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Reader(Protocol):
    """Runs a command that only reads, and returns its answer.

    `ok` lists the exit codes to accept (None: all but 127, a program that is not installed); one other than 0 only
    where stderr has the words `saying` (in lower case). Raises TransientTargetError, or PermanentTargetError with
    what the command said.
    """

    def __call__(
        self, *argv: str, root: bool = True, ok: tuple[int, ...] | None = (0,), saying: str = ""
    ) -> Output: ...


@dataclass(frozen=True)
class Parameter:
    """One parameter's grammar: a strict pattern for the whole value. None may begin with a dash."""

    pattern: re.Pattern[str]
    meaning: str
    """For people, e.g. "a container's name"."""

    def fits(self, value: str) -> bool:
        """Tell whether `value` may be used."""
        return not value.startswith("-") and self.pattern.fullmatch(value) is not None


@dataclass(frozen=True)
class Command:
    """One argument list."""

    argv: tuple[str, ...]
    limit: int = 30
    """Seconds after which the host ends it."""
    root: bool = True
    changes: bool = True
    """False: it only reads, so losing its answer is harmless."""


def _nothing_against(parameters: Parameters, facts: Facts) -> tuple[Finding, ...]:
    return ()


def _nothing_asked(parameters: Parameters) -> tuple[Command, ...]:
    return ()


def _healthy(facts: Facts) -> str | None:
    return None


@dataclass(frozen=True)
class Tool:
    """One thing that can be done on a host."""

    name: str
    scope: Scope
    minimum_trust: float
    """0 to 1; what the caller's trust must reach at gate 4."""
    summary: str
    parameters: Mapping[str, Parameter]
    title: Callable[[Parameters], str]
    """For people, e.g. "restart unit nginx.service"."""
    read: Callable[[Reader, Parameters], Facts]
    """Read the facts. Raises TargetNotFound where the thing to act on does not exist."""
    commands: Callable[[Parameters, Facts], tuple[Command, ...]]
    """From the parameters and the facts before to what is run, in order. Pure: the same plan gives the same lists."""
    judge: Callable[[Facts, Facts], Inspection]
    """From the facts before and the facts now to "did it land?"."""
    asks: Callable[[Parameters], tuple[Command, ...]] = _nothing_asked
    """The commands whose answers `read` needs in any case: they are run together."""
    foreseen: bool = False
    """`asks` is all that `read` asks of a host that has the thing to act on, and `commands` takes nothing from the
    facts.
    """
    wanted: Mapping[str, str] = field(default_factory=dict)
    """What the facts show after success, in words."""
    against: Callable[[Parameters, Facts], tuple[Finding, ...]] = _nothing_against
    """What the facts say against doing it."""
    unhealthy: Callable[[Facts], str | None] = _healthy
    """The success criterion after the effect: what is wrong with the thing acted on, or None."""
    lingers: bool = False
    """The effect may still come after its command has ended: a daemon or another process does the work."""
    supervised: bool = False
    """Something on the host does the same by itself (systemd's Restart=, docker's restart policy)."""


def landed(reason: str, seen: Facts) -> Inspection:
    """The effect happened."""
    return Inspection(Landed.YES, reason, seen)


def not_landed(reason: str, seen: Facts) -> Inspection:
    """The effect did not happen."""
    return Inspection(Landed.NO, reason, seen)


def unclear(reason: str, seen: Facts) -> Inspection:
    """The host does not show which."""
    return Inspection(Landed.UNCLEAR, reason, seen)
