"""ssh_clear_docker_logs: truncate one container's log."""

import re

from countersign.errors import PermanentTargetError
from countersign.targets.hosts.tools.containers import inspection, read_container
from countersign.targets.hosts.tools.docker_restart import CONTAINER
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
from countersign.targets.model import Inspection

# What docker's json-file driver writes: …/<id>/<id>-json.log. Truncating anything else would be another operation.
_LOG = re.compile(r"(?:/[A-Za-z0-9_.-]+)*/([0-9a-f]{64})/\1-json\.log", re.ASCII)


def _read(read: Reader, parameters: Parameters) -> Facts:
    container = read_container(read, parameters["container"])
    path = str(container["log_path"])
    if container["log_driver"] != "json-file" or not _LOG.fullmatch(path) or "/../" in path:
        raise PermanentTargetError(
            f"The log of {parameters['container']} is not a file of docker's json-file driver "
            f"(driver {container['log_driver']}).",
            hint="clear it where that driver keeps it",
        )
    inode, size = read("stat", "--format=%i %s", path).stdout.split()
    return {"id": container["id"], "path": path, "inode": int(inode), "size": int(size)}


def _commands(parameters: Parameters, before: Facts) -> tuple[Command, ...]:
    # --no-create: a log that was rotated away is not made again.
    return (Command(("truncate", "--no-create", "--size=0", before["path"])),)


def _judge(before: Facts, now: Facts) -> Inspection:
    if any(now[fact] != before[fact] for fact in ("id", "path", "inode")):
        return unclear("the container or its log file was replaced since the plan", now)
    if now["size"] == 0 or now["size"] < before["size"]:
        return landed("the log is shorter than in the plan", now)
    return not_landed("the log is at least as long as in the plan", now)


TOOL = Tool(
    name="ssh_clear_docker_logs",
    scope=Scope.WRITE,
    minimum_trust=0.5,
    summary="truncate one container's log",
    parameters={"container": CONTAINER},
    title=lambda parameters: f"truncate the log of container {parameters['container']}",
    read=_read,
    commands=_commands,
    judge=_judge,
    asks=lambda parameters: (inspection(parameters["container"]),),
    wanted={"size": "less than before, inode the same"},
)
