"""Facts out of what a host answered earlier in the same run, and the condition under which they still hold.

A condition is looked at by the host itself, right before the effect (batch.py): old answers cost nothing but an
attempt where they do not hold any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from countersign.errors import TargetError
from countersign.targets.hosts.batch import Condition
from countersign.targets.hosts.fleet import HostSettings
from countersign.targets.hosts.output import Output
from countersign.targets.hosts.reading import READ_LIMIT, accepted
from countersign.targets.hosts.ssh import Sessions, command_line
from countersign.targets.hosts.tools.model import Command, Facts, Parameters, Tool


@dataclass(frozen=True)
class Recalled:
    """The facts as the answers gave them, and the answers."""

    facts: Facts
    conditions: tuple[Condition, ...]


def recall(tool: Tool, sessions: Sessions, host: HostSettings, parameters: Parameters) -> Recalled | None:
    """Return what `tool` read of `host` last; None where the host has to be read, or cannot look at a condition."""
    answered = sessions.answered[host.name]
    if not (tool.foreseen and answered.takes_batches and sessions.is_open(host)):
        return None
    memory = _Memory(host, answered.by_line)
    try:
        facts = tool.read(memory, parameters)
    except (TargetError, LookupError):
        return None
    if set(memory.used) != {line_of(each, host) for each in tool.asks(parameters)}:
        return None
    conditions = tuple(Condition(line, output) for line, output in memory.used.items())
    return Recalled(facts, conditions) if all(each.can_be_sent for each in conditions) else None


def line_of(asked: Command, host: HostSettings) -> str:
    """Return the text that is sent for a reading command."""
    return command_line(asked.argv, limit=READ_LIMIT, root=asked.root and host.escalates)


@dataclass(frozen=True)
class _Memory:
    """A `Reader` of what was answered; raises LookupError for anything else."""

    host: HostSettings
    by_line: Mapping[str, Output]
    used: dict[str, Output] = field(default_factory=dict)

    def __call__(self, *argv: str, root: bool = True, ok: tuple[int, ...] | None = (0,), saying: str = "") -> Output:
        line = line_of(Command(argv, root=root), self.host)
        output = self.used[line] = self.by_line[line]
        return accepted(self.host, argv, output, ok=ok, saying=saying)
