"""ssh_diagnose: one bundle of what an SRE looks at first. It changes nothing."""

from countersign.targets.hosts.tools.model import Command, Facts, Parameters, Reader, Scope, Tool, not_landed

# Process names and not their arguments: those hold passwords often enough.
_BUNDLE = (
    Command(("uptime",), root=False, changes=False),
    Command(("cat", "/proc/loadavg"), root=False, changes=False),
    Command(("df", "-h"), root=False, changes=False),
    Command(("free", "-h"), root=False, changes=False),
    Command(("ps", "-eo", "pid,user,pcpu,pmem,stat,comm", "--sort=-pcpu"), root=False, changes=False),
    Command(
        ("systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager"),
        root=False,
        changes=False,
    ),
    Command(("docker", "container", "ls", "--all"), changes=False),
)


def _read(read: Reader, parameters: Parameters) -> Facts:
    return {"load": read("cat", "/proc/loadavg", root=False, ok=None).stdout.strip()}


def _commands(parameters: Parameters, before: Facts) -> tuple[Command, ...]:
    return _BUNDLE


TOOL = Tool(
    name="ssh_diagnose",
    scope=Scope.READ,
    minimum_trust=0.0,
    summary="uptime, load, disks, memory, top processes, failed units, containers",
    parameters={},
    title=lambda parameters: "diagnose",
    read=_read,
    commands=_commands,
    judge=lambda before, now: not_landed("a diagnosis leaves no trace; reading again is harmless", now),
)
