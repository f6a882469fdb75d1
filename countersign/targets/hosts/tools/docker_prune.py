"""ssh_docker_prune: prune images, volumes or system; the plan lists what would go."""

import re

from countersign.targets.hosts.tools.model import (
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

WHAT = Parameter(re.compile(r"images|volumes|system"), "images, volumes or system")
ALL = Parameter(re.compile(r"true|false"), "true or false: also what is unused and has a name")
_NOUN = {"images": "image", "volumes": "volume", "system": "system"}
_ANONYMOUS = re.compile(r"volume [0-9a-f]{64}")
_NAMED_VOLUMES_STAY = (1, 42)
"""The API version from which docker keeps named volumes unless it is told --all; before, it knows no --all."""


def _read(read: Reader, parameters: Parameters) -> Facts:
    everything = parameters["all"] == "true"
    match parameters["what"]:
        case "images":
            going = _images(read, everything=everything)
        case "volumes":
            going = _volumes(read, everything=everything)
        case _:
            stopped = ("--filter=status=exited", "--filter=status=created", "--filter=status=dead")
            containers = ("container", "ls", "--all", "--no-trunc", *stopped, "--format=container {{.ID}} {{.Names}}")
            going = _lines(read, *containers) + _images(read, everything=everything)
    return {"what": parameters["what"], "would_go": sorted(going)}


def _images(read: Reader, *, everything: bool) -> list[str]:
    if not everything:
        return _lines(read, "image", "ls", "--no-trunc", "--filter=dangling=true", "--format=image {{.ID}} {{.Size}}")
    containers = _lines(read, "container", "ls", "--all", "--no-trunc", "--format={{.ID}}")
    used = set(_lines(read, "container", "inspect", "--format={{.Image}}", *containers)) if containers else set()
    images = set(_lines(read, "image", "ls", "--no-trunc", "--format=image {{.ID}} {{.Size}}"))
    return [line for line in images if line.split()[1] not in used]


def _volumes(read: Reader, *, everything: bool) -> list[str]:
    unused = _lines(read, "volume", "ls", "--filter=dangling=true", "--format=volume {{.Name}}")
    version = read("docker", "version", "--format={{.Server.APIVersion}}").stdout.strip()
    keeps_named = tuple(int(part) for part in re.findall(r"\d+", version)[:2]) >= _NAMED_VOLUMES_STAY
    return [line for line in unused if everything or not keeps_named or _ANONYMOUS.fullmatch(line)]


def _lines(read: Reader, *argv: str) -> list[str]:
    return [line for line in read("docker", *argv).stdout.splitlines() if line.strip()]


def _commands(parameters: Parameters, before: Facts) -> tuple[Command, ...]:
    everything = ("--all",) if parameters["all"] == "true" else ()
    return (Command(("docker", _NOUN[parameters["what"]], "prune", "--force", *everything), limit=300),)


def _title(parameters: Parameters) -> str:
    everything = ", also what has a name" if parameters["all"] == "true" else ""
    return f"docker {_NOUN[parameters['what']]} prune{everything}"


def _judge(before: Facts, now: Facts) -> Inspection:
    planned, left = set(before["would_go"]), set(now["would_go"])
    if left - planned:
        return unclear(f"{len(left - planned)} more objects would go than the plan lists", now)
    if not planned & left:
        return landed(f"all {len(planned)} listed objects are gone", now)
    if planned <= left:
        return not_landed("every listed object is still there", now)
    return unclear(f"{len(planned & left)} of {len(planned)} listed objects are still there", now)


def _against(parameters: Parameters, facts: Facts) -> tuple[Finding, ...]:
    going = facts["would_go"]
    findings = [
        Finding(
            Severity.INFO, "prune_list", text("finding.prune_list", count=len(going), names=", ".join(going)[:1500])
        )
    ]
    if facts["what"] == "volumes" and going:
        findings.append(Finding(Severity.WARNING, "prune_volumes", text("finding.prune_volumes")))
    if facts["what"] == "system":
        said = text("finding.prune_unlisted")
        findings.append(Finding(Severity.INFO, "prune_unlisted", said))
    return tuple(findings)


TOOL = Tool(
    name="ssh_docker_prune",
    scope=Scope.ADMIN,
    minimum_trust=0.8,
    summary="prune images, volumes or system",
    parameters={"what": WHAT, "all": ALL},
    title=_title,
    read=_read,
    commands=_commands,
    judge=_judge,
    wanted={"would_go": "nothing of what the plan lists"},
    against=_against,
    lingers=True,
)
