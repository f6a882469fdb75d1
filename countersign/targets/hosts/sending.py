"""Sending a tool's commands, and what their answers mean."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from countersign.errors import AmbiguousTargetError, PermanentTargetError, TargetError, TransientTargetError
from countersign.targets.hosts.batch import Batch, Condition
from countersign.targets.hosts.fleet import HostSettings
from countersign.targets.hosts.output import Output
from countersign.targets.hosts.reading import READ_LIMIT, HostReader, failure
from countersign.targets.hosts.recalling import line_of
from countersign.targets.hosts.ssh import Sessions, command_line
from countersign.targets.hosts.tools.model import Command, Facts, Tool
from countersign.targets.model import Inspection, Landed, Receipt

KEPT_CHARACTERS = 8000
"""Of each stream of each command, in a receipt."""


@dataclass(frozen=True)
class Effect:
    """The commands that were run, in order, with their answers."""

    host: HostSettings
    commands: tuple[Command, ...]
    outputs: tuple[Output, ...]

    @property
    def duration_ms(self) -> int:
        """All commands together."""
        return sum(output.duration_ms for output in self.outputs)

    def error(self, found: Inspection | None) -> TargetError | None:
        """Return what the last exit code means, or None for success. `found` is what the host showed afterwards."""
        command, output = self.commands[-1], self.outputs[-1]
        if output.exit_code == 0:
            return None
        error = failure(self.host, command.argv, output)
        if not command.changes:
            return error
        if isinstance(error, TransientTargetError):
            # It failed for now; whether before or after the effect, only the host can tell.
            return AmbiguousTargetError(error.message)
        if found is not None and found.landed is not Landed.NO:
            return PermanentTargetError(f"{error.message} (the host shows: {found.reason})", hint=error.hint)
        return error

    def receipt(self, found: Inspection | None) -> Receipt:
        """Return the answers for the record, each stream shortened."""
        answers = [_answer(command, output) for command, output in zip(self.commands, self.outputs, strict=True)]
        seen = {} if found is None else {"landed": found.landed.value, "reason": found.reason}
        return Receipt({"commands": answers, **seen})


def send(
    sessions: Sessions, host: HostSettings, commands: Sequence[Command], *, read_only: bool, not_after: float
) -> Effect:
    """Run `commands` in order; unless all of them only read, the first failure ends the row.

    A command that changes something is not sent after `not_after` (time.monotonic). Raises TransientTargetError, or
    AmbiguousTargetError when the answer of a command that changes something was lost.
    """
    outputs: list[Output] = []
    for command in commands:
        try:
            output = sessions.run(
                host,
                command.argv,
                limit=command.limit,
                root=command.root,
                not_after=not_after if command.changes else None,
            )
        except AmbiguousTargetError as error:
            if command.changes:
                raise
            raise TransientTargetError(f"{error.message} It only read.") from error
        outputs.append(output)
        if output.exit_code != 0 and not read_only:
            break
    return Effect(host, tuple(commands[: len(outputs)]), tuple(outputs))


def send_if_unchanged(
    sessions: Sessions,
    host: HostSettings,
    commands: Sequence[Command],
    conditions: tuple[Condition, ...],
    *,
    not_after: float,
) -> Effect | None:
    """Let the host run `commands` if it answers as the conditions say; None where it ran nothing.

    That is where it answered otherwise, or could not take all of it as one command.

    Nothing is sent after `not_after` (time.monotonic). Raises TransientTargetError, or AmbiguousTargetError when the
    answer was lost: some of it may have been run.
    """
    lines = tuple(command_line(one.argv, limit=one.limit, root=one.root and host.escalates) for one in commands)
    batch = Batch(lines, conditions)
    if not batch.can_be_sent:
        return None
    limit = READ_LIMIT * len(conditions) + sum(one.limit for one in commands)
    output = sessions.send(host, batch.line, limit=limit, not_after=not_after)
    if batch.differs(output):
        return None
    answers = batch.answers(output)
    if len(answers) < len(commands) and (output.truncated or answers[-1].exit_code == 0):
        raise AmbiguousTargetError(f"What {host.name} answered does not tell its commands apart.")
    return Effect(host, tuple(commands[: len(answers)]), answers)


def look_afterwards(tool: Tool, reader: HostReader, parameters: Mapping[str, str], before: Facts) -> Inspection:
    """Compare the host with the facts before, once. The command has answered, so a failed look is not its failure."""
    try:
        reader.ask_at_once([line_of(each, reader.host) for each in tool.asks(parameters)])
        return tool.judge(before, tool.read(reader, parameters))
    except TargetError as error:
        return Inspection(Landed.UNCLEAR, f"the host could not be looked at afterwards: {error.message}", {})


def _answer(command: Command, output: Output) -> dict[str, Any]:
    return {
        "command": shlex.join(command.argv),
        "exit_code": output.exit_code,
        "stdout": output.stdout[:KEPT_CHARACTERS],
        "stderr": output.stderr[:KEPT_CHARACTERS],
        "truncated": output.truncated or max(len(output.stdout), len(output.stderr)) > KEPT_CHARACTERS,
        "duration_ms": output.duration_ms,
    }
