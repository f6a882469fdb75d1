"""ssh_reload_nginx: test the configuration, then reload."""

import re

from countersign.errors import TargetNotFound
from countersign.targets.hosts.tools.model import (
    Command,
    Facts,
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

# pid, parent, start (in whatever words the locale has; it is only compared), role.
_PROCESS = re.compile(r"\s*(\d+)\s+(\d+)\s+(.+?)\s+nginx: (master|worker) process(.*)")
_PROCESSES = Command(("ps", "-ww", "-C", "nginx", "-o", "pid=,ppid=,lstart=,args="), changes=False)
_TEST = Command(("nginx", "-t"), changes=False)


def _read(read: Reader, parameters: Parameters) -> Facts:
    listed = read(*_PROCESSES.argv, ok=(0, 1))
    found = [match for line in listed.stdout.splitlines() if (match := _PROCESS.match(line))]
    masters = [match for match in found if match[4] == "master"]
    if len(masters) != 1:
        raise TargetNotFound(f"{len(masters)} nginx masters run on the host; a reload needs exactly one.")
    master = masters[0]
    # A worker that is shutting down belongs to the generation before.
    workers = [match for match in found if match[4] == "worker" and match[2] == master[1]]
    active = sorted(f"{match[1]} {match[3]}" for match in workers if "shutting down" not in match[5])
    test = read(*_TEST.argv, ok=None)
    return {
        "master": f"{master[1]} {master[3]}",
        "workers": active,
        "configuration": "valid" if test.exit_code == 0 else test.stderr.strip()[:500],
    }


def _commands(parameters: Parameters, before: Facts) -> tuple[Command, ...]:
    return (_TEST, Command(("nginx", "-s", "reload")))


def _judge(before: Facts, now: Facts) -> Inspection:
    if now["master"] != before["master"]:
        return unclear("nginx itself was restarted since the plan", now)
    old = set(before["workers"]) & set(now["workers"])
    if not old and now["workers"]:
        return landed("every worker is newer than the plan", now)
    return not_landed(f"{len(old)} workers of the plan still serve", now)


def _against(parameters: Parameters, facts: Facts) -> tuple[Finding, ...]:
    if facts["configuration"] != "valid":
        said = text("finding.nginx_configuration", said=facts["configuration"])
        return (Finding(Severity.BLOCKING, "nginx_configuration", said),)
    return ()


TOOL = Tool(
    name="ssh_reload_nginx",
    scope=Scope.WRITE,
    minimum_trust=0.3,
    summary="test the configuration, then reload",
    parameters={},
    title=lambda parameters: "reload nginx",
    read=_read,
    commands=_commands,
    judge=_judge,
    asks=lambda parameters: (_PROCESSES, _TEST),
    foreseen=True,
    wanted={"workers": "all newer than before, under the same master"},
    against=_against,
    unhealthy=lambda facts: None if facts["workers"] else "nginx has no worker",
    lingers=True,
)
