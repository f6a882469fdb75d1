"""Reading containers through docker's command line, and comparing them: for the tools that act on containers."""

import json
from collections.abc import Sequence
from typing import Any

from countersign.errors import PermanentTargetError, TargetNotFound
from countersign.targets.hosts.fleet import nearest
from countersign.targets.hosts.tools.model import (
    IN_PROGRESS,
    Command,
    Facts,
    Reader,
    landed,
    not_landed,
    unclear,
)
from countersign.targets.model import Inspection

# Named fields only: a container's environment holds secrets, and its health log holds output of programs.
_TEMPLATE = (
    '{"id":{{json .Id}},"name":{{json .Name}},"started_at":{{json .State.StartedAt}},'
    '"status":{{json .State.Status}},"log_path":{{json .LogPath}},"log_driver":{{json .HostConfig.LogConfig.Type}}}'
)


def inspection(name: str) -> Command:
    """Return the command whose answer `read_container` needs."""
    return Command(("docker", "container", "inspect", f"--format={_TEMPLATE}", name), changes=False)


def read_container(read: Reader, name: str) -> dict[str, Any]:
    """Return the facts of one container. Raises TargetNotFound with the nearest names."""
    output = read(*inspection(name).argv, ok=(0, 1), saying="no such container")
    if output.exit_code == 0:
        return _parse(output.stdout)[0]
    names = tuple(read("docker", "container", "ls", "--all", "--format={{.Names}}").stdout.split())
    raise TargetNotFound(f"There is no container named {name!r}.", candidates=nearest(name, names))


def listing(project: str, service: str) -> Command:
    """Return the command whose answer `read_service` needs first."""
    labels = (f"com.docker.compose.project={project}", f"com.docker.compose.service={service}")
    filters = [f"--filter=label={label}" for label in labels]
    argv = ("docker", "container", "ls", "--all", "--no-trunc", *filters, "--format={{.ID}}")
    return Command(argv, changes=False)


def read_service(read: Reader, project: str, service: str) -> list[dict[str, Any]]:
    """Return the facts of a compose service's containers, ordered by id. Raises TargetNotFound if there are none."""
    ids = read(*listing(project, service).argv).stdout.split()
    if not ids:
        raise TargetNotFound(
            f"The compose project {project!r} has no container of a service {service!r}.",
            hint="`docker compose ls` on the host shows the projects",
        )
    output = read("docker", "container", "inspect", f"--format={_TEMPLATE}", *sorted(ids))
    return sorted(_parse(output.stdout), key=lambda one: str(one["id"]))


def _parse(text: str) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise PermanentTargetError(f"docker's answer is not what was asked for: {text[:200]!r}") from error


def with_progress(containers: Sequence[Facts], *, whole: Facts) -> Facts:
    """Return `whole`, marked as in progress while docker itself says that a container is being restarted."""
    return {**whole, IN_PROGRESS: any(one["status"] in ("restarting", "removing") for one in containers)}


def compare_starts(before: Sequence[Facts], now: Sequence[Facts], seen: Facts) -> Inspection:
    """Judge a restart by each container's StartedAt."""
    if [one["id"] for one in before] != [one["id"] for one in now]:
        return unclear("the container was replaced by another one since the plan", seen)
    started = [old["started_at"] != new["started_at"] for old, new in zip(before, now, strict=True)]
    if all(started) and started:
        return landed("StartedAt is later than in the plan", seen)
    if any(started):
        return unclear(f"{sum(started)} of {len(started)} containers were started since the plan", seen)
    stopped = [new["name"] for old, new in zip(before, now, strict=True) if old["status"] != new["status"]]
    if stopped:
        return unclear(f"{stopped[0].lstrip('/')} changed its status and was not started again", seen)
    return not_landed("StartedAt is the same as in the plan", seen)


def not_running(containers: Sequence[Facts]) -> str | None:
    """Name the first container that does not run."""
    for one in containers:
        if one["status"] != "running":
            return f"the container {one['name'].lstrip('/')} is {one['status']}"
    return None
