"""Would sudo let a tool's commands through? Asked of sudo itself, without running anything."""

import shlex
from collections.abc import Sequence

from countersign.targets.hosts.fleet import HostSettings
from countersign.targets.hosts.reading import HostReader, accepted
from countersign.targets.hosts.ssh import KILL_AFTER
from countersign.targets.hosts.tools.model import Command
from countersign.targets.model import Finding, Severity
from countersign.texts import text


def sudo_questions(host: HostSettings, commands: Sequence[Command]) -> list[str]:
    """Return the line that asks about each command that needs sudo on `host`."""
    return [_question(command) for command in commands if command.root and host.escalates]


def sudo_findings(reader: HostReader, commands: Sequence[Command]) -> list[Finding]:
    """Return a blocking finding for each command that sudo on the host would refuse."""
    host = reader.host
    findings: list[Finding] = []
    for command in commands:
        if not (command.root and host.escalates):
            continue
        output = reader.ask(_question(command))
        if accepted(host, ("sudo", "-l"), output, ok=None, saying="").exit_code != 0:
            said = text("finding.sudo_refused", host=host.name, user=host.user, command=" ".join(command.argv))
            findings.append(Finding(Severity.BLOCKING, "sudo_refused", said))
    return findings


def _question(command: Command) -> str:
    # With sudo first, as the forced command on the host lets it through.
    wrapped = ("timeout", f"--kill-after={KILL_AFTER}", str(command.limit), *command.argv)
    return shlex.join(["sudo", "-n", "-l", *wrapped])
