"""Did it land? Asked after a lost answer, when what was sent may still be at work.

A command outlives its connection, and docker and nginx go on after their command. So "no" is believed only when the
command does not run any more, the host does not say that it is at work and, for tools that linger, after a while.
"""

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from countersign.targets.hosts.reading import READ_LIMIT, HostReader
from countersign.targets.hosts.ssh import KILL_AFTER, command_line
from countersign.targets.hosts.tools.model import IN_PROGRESS, Command, Facts, Tool
from countersign.targets.model import Inspection, Landed

POLL_SECONDS = 0.25
GATE = "countersign-gate"
_INTERPRETERS = ("python", GATE)
PROGRESS_SECONDS = 30
"""How long a host that says it is at work is watched."""


def watch(
    tool: Tool, reader: HostReader, parameters: Mapping[str, str], before: Facts, *, linger: float
) -> Inspection:
    """Return what the host shows once it has come to rest. `linger` is FleetSettings.linger_seconds.

    Raises TransientTargetError, TargetNotFound, PermanentTargetError where the host cannot be read.
    """
    # A command that waits for its condition to be looked at is not seen itself; the readings are.
    conditions = [replace(one, limit=READ_LIMIT) for one in tool.asks(parameters)] if tool.foreseen else []
    changing = [one for one in tool.commands(parameters, before) if one.changes]
    over = _wait_until_over(reader, [*conditions, *changing] if changing else [])
    began = time.monotonic()
    while True:
        now = tool.read(reader, parameters)
        found = tool.judge(before, now)
        if found.landed is Landed.YES:
            return found
        if not over:
            return Inspection(Landed.UNCLEAR, "the command sent earlier still runs on the host", now)
        watched = time.monotonic() - began
        moving = bool(now.get(IN_PROGRESS))
        if moving and watched >= PROGRESS_SECONDS:
            return Inspection(Landed.UNCLEAR, "the host is still at work on it", now)
        if not moving and (not tool.lingers or watched >= linger):
            return found
        time.sleep(POLL_SECONDS)


def _wait_until_over(reader: HostReader, commands: Sequence[Command]) -> bool:
    """Wait until none of the commands runs on the host any more; False if one outlives its own time limit."""
    if not commands:
        return True
    # As ps prints them. The same words stand at the end of sudo's and of the login shell's arguments.
    endings = tuple(
        " ".join(("timeout", f"--kill-after={KILL_AFTER}", str(one.limit), *one.argv)) for one in commands
    )
    shells = tuple(command_line(one.argv, limit=one.limit) for one in commands)
    # The last word of a batch, as a login shell has it: in quotes, or in quotes within quotes.
    batches = tuple(f"{line}'" for line in shells) + tuple(f"{shlex.quote(line)[1:-1]}'" for line in shells)
    deadline = time.monotonic() + sum(one.limit for one in commands) + 2 * KILL_AFTER
    while time.monotonic() < deadline:
        listed = reader("ps", "-ww", "-eo", "args=")
        running = listed.stdout.splitlines()
        # Of a list that was cut off nobody knows what else is on it.
        if not listed.truncated and not any(
            line.rstrip().endswith(endings + shells + batches) or is_the_gate(line) for line in running
        ):
            return True
        time.sleep(POLL_SECONDS)
    return False


def is_the_gate(line: str) -> bool:
    """Tell whether a line of ps is the program behind Countersign's key, at work on what it was sent.

    It becomes the last command it runs, so the one that let this very look through is not seen; a shell that waits
    for it may stay.
    """
    words = [PurePosixPath(word).name for word in line.split()]
    return GATE in words and words[0].startswith(_INTERPRETERS)
