"""Would sudo let a tool's commands through? Asked of sudo itself, without running anything."""

from collections.abc import Sequence

from countersign.targets.hosts.reading import HostReader
from countersign.targets.hosts.ssh import KILL_AFTER
from countersign.targets.hosts.tools.model import Command
from countersign.targets.model import Finding, Severity
from countersign.texts import text


def sudo_findings(reader: HostReader, commands: Sequence[Command]) -> list[Finding]:
    """Return a blocking finding for each command that sudo on the host would refuse."""
    host = reader.host
    if not host.escalates:
        return []
    findings: list[Finding] = []
    for command in commands:
        if command.root:
            wrapped = ("timeout", f"--kill-after={KILL_AFTER}", str(command.limit), *command.argv)
            if reader("sudo", "-n", "-l", *wrapped, root=False, ok=None).exit_code != 0:
                said = text("finding.sudo_refused", host=host.name, user=host.user, command=" ".join(command.argv))
                findings.append(Finding(Severity.BLOCKING, "sudo_refused", said))
    return findings
