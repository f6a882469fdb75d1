"""ssh_docker_compose_restart: restart one compose service in a named project."""

import re

from countersign.targets.hosts.tools.containers import (
    compare_starts,
    listing,
    not_running,
    read_service,
    with_progress,
)
from countersign.targets.hosts.tools.model import Command, Facts, Parameter, Parameters, Reader, Scope, Tool

# The two patterns are the Compose specification's.
PROJECT = Parameter(re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII), "a compose project's name")
SERVICE = Parameter(re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII), "a compose service's name")


def _read(read: Reader, parameters: Parameters) -> Facts:
    containers = read_service(read, parameters["project"], parameters["service"])
    return with_progress(containers, whole={"containers": containers})


def _commands(parameters: Parameters, before: Facts) -> tuple[Command, ...]:
    # With -p alone compose finds the containers by their labels; no file on the host is named or trusted.
    argv = ("docker", "compose", "-p", parameters["project"], "restart", parameters["service"])
    return (Command(argv, limit=120),)


TOOL = Tool(
    name="ssh_docker_compose_restart",
    scope=Scope.WRITE,
    minimum_trust=0.5,
    summary="restart one compose service in a named project",
    parameters={"project": PROJECT, "service": SERVICE},
    title=lambda parameters: f"restart service {parameters['service']} of compose project {parameters['project']}",
    read=_read,
    commands=_commands,
    asks=lambda parameters: (listing(parameters["project"], parameters["service"]),),
    judge=lambda before, now: compare_starts(before["containers"], now["containers"], now),
    wanted={"containers.started_at": "later than before, for each", "containers.status": "running"},
    unhealthy=lambda facts: not_running(facts["containers"]),
    lingers=True,
    supervised=True,
)
