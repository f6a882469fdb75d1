"""ssh_systemctl_restart: restart one named unit."""

import re

from countersign.errors import TargetNotFound
from countersign.targets.hosts.fleet import nearest
from countersign.targets.hosts.tools.model import (
    IN_PROGRESS,
    Command,
    Facts,
    Parameter,
    Parameters,
    Reader,
    Scope,
    Tool,
    landed,
    not_landed,
    unclear,
)
from countersign.targets.model import Finding, Inspection, Severity
from countersign.texts import text

# Not a target, and not a unit of systemd that is an action: `systemctl restart reboot.target` reboots the host, and
# so does starting systemd-reboot.service; debug-shell gives root to whoever sits there.
# The program on the host has the same rules (NEVER in deployments/hosts/countersign-gate).
_OTHER_KINDS = r"(?!.*\.(?:target|mount|automount|swap|slice|scope|device|snapshot)$)"
_ACTIONS = r"(?!(?:reboot|poweroff|halt|kexec|shutdown|rescue|emergency|debug-shell|initrd-[^.]*)(?:\.|$))"
_SYSTEMD = r"(?!systemd-(?!(?:resolved|networkd|timesyncd|journald|logind|udevd)(?:\.|$)))"
# systemd.unit(5): what a name may not have is written as \x and two hexadecimal digits.
_NAME = r"(?=.{1,201}$)[A-Za-z0-9](?:[A-Za-z0-9:_.@-]|\\x[0-9a-f]{2})*"
UNIT = Parameter(
    re.compile(_OTHER_KINDS + _ACTIONS + _SYSTEMD + _NAME, re.ASCII),
    "a service, socket, timer or path unit's name",
)
_PROPERTIES = ("LoadState", "ActiveState", "SubState", "InvocationID", "Job")


def full_name(unit: str) -> str:
    """Return the unit's name with its suffix; systemctl too takes a name without one for a service."""
    return unit if unit.endswith((".service", ".socket", ".timer", ".path")) else f"{unit}.service"


def _asks(parameters: Parameters) -> tuple[Command, ...]:
    show = ("systemctl", "show", f"--property={','.join(_PROPERTIES)}", full_name(parameters["unit"]))
    return (Command(show, root=False, changes=False),)


def _read(read: Reader, parameters: Parameters) -> Facts:
    unit = full_name(parameters["unit"])
    (show,) = _asks(parameters)
    output = read(*show.argv, root=show.root)
    found = dict(line.split("=", 1) for line in output.stdout.splitlines() if "=" in line)
    shown = {name: found.get(name, "") for name in _PROPERTIES}
    if shown["LoadState"] == "not-found":
        listed = read("systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager", root=False)
        # Without the suffix, which would make every service look alike.
        names = tuple(line.split()[0].removesuffix(".service") for line in listed.stdout.splitlines() if line.split())
        near = nearest(unit.removesuffix(".service"), names)
        raise TargetNotFound(f"There is no unit named {unit}.", candidates=near)
    # A restart is a job that goes on in systemd when systemctl has been ended.
    moving = shown.pop("Job") not in ("", "0") or shown["ActiveState"] in ("deactivating", "activating", "reloading")
    return {"unit": unit, **shown, IN_PROGRESS: moving}


def _commands(parameters: Parameters, before: Facts) -> tuple[Command, ...]:
    return (Command(("systemctl", "restart", full_name(parameters["unit"])), limit=120),)


def _judge(before: Facts, now: Facts) -> Inspection:
    if now["InvocationID"] == before["InvocationID"]:
        if now["ActiveState"] == before["ActiveState"]:
            return not_landed("InvocationID is the same as in the plan", now)
        return unclear(f"the unit is {now['ActiveState']} and was not started again", now)
    if not now["InvocationID"]:
        return unclear("the unit was stopped and was not started again", now)
    return landed(f"InvocationID is another one than in the plan; the unit is {now['ActiveState']}", now)


def _against(parameters: Parameters, facts: Facts) -> tuple[Finding, ...]:
    if facts["LoadState"] == "masked":
        return (Finding(Severity.BLOCKING, "unit_masked", text("finding.unit_masked", unit=facts["unit"])),)
    if facts["ActiveState"] != "active":
        said = text("finding.unit_not_active", unit=facts["unit"], state=facts["ActiveState"])
        return (Finding(Severity.WARNING, "unit_not_active", said),)
    return ()


def _unhealthy(facts: Facts) -> str | None:
    return None if facts["ActiveState"] == "active" else f"the unit {facts['unit']} is {facts['ActiveState']}"


TOOL = Tool(
    name="ssh_systemctl_restart",
    scope=Scope.WRITE,
    minimum_trust=0.5,
    summary="restart one named unit",
    parameters={"unit": UNIT},
    title=lambda parameters: f"restart unit {full_name(parameters['unit'])}",
    read=_read,
    commands=_commands,
    judge=_judge,
    asks=_asks,
    foreseen=True,
    wanted={"InvocationID": "another one than before", "ActiveState": "active"},
    against=_against,
    unhealthy=_unhealthy,
    supervised=True,
)
