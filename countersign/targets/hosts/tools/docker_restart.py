"""ssh_docker_restart: restart one named container."""

import re

from countersign.targets.hosts.tools.containers import (
    compare_starts,
    inspection,
    not_running,
    read_container,
    with_progress,
)
from countersign.targets.hosts.tools.model import Command, Facts, Parameter, Parameters, Reader, Scope, Tool

CONTAINER = Parameter(re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII), "a container's name")


LIMIT = 60
"""Seconds; longer than the 10 s that docker gives a container to stop, unless it has a longer stop timeout."""


def _read(read: Reader, parameters: Parameters) -> Facts:
    container = read_container(read, parameters["container"])
    return with_progress([container], whole={"container": container})


def _commands(parameters: Parameters, before: Facts) -> tuple[Command, ...]:
    # No --time: the container's own stop timeout is what its owner wants.
    return (Command(("docker", "restart", parameters["container"]), limit=LIMIT),)


TOOL = Tool(
    name="ssh_docker_restart",
    scope=Scope.WRITE,
    minimum_trust=0.5,
    summary="restart one named container",
    parameters={"container": CONTAINER},
    title=lambda parameters: f"restart container {parameters['container']}",
    read=_read,
    commands=_commands,
    asks=lambda parameters: (inspection(parameters["container"]),),
    foreseen=True,
    judge=lambda before, now: compare_starts([before["container"]], [now["container"]], now),
    wanted={"container.started_at": "later than before", "container.status": "running"},
    unhealthy=lambda facts: not_running([facts["container"]]),
    lingers=True,
    supervised=True,
)
