"""The programs that need only a few lines: sudo, service, docker-compose, free, uptime, openssl, stat, truncate."""

import os
import sys

from sandbox.hosts.programs import docker, systemctl
from sandbox.hosts.programs.machine import Machine


def sudo(machine: Machine, argv: list[str]) -> int:
    """Become the command, as sudo does after asking for nothing; refuse where the machine says so."""
    with machine.state() as state:
        allowed = state["sudo"]
    if argv[:1] != ["-n"] or not allowed:
        print("sudo: a password is required", file=sys.stderr)
        return 1
    if argv[1:2] == ["-l"]:
        return 0
    os.execvp(argv[1], argv[1:])  # noqa: S606 - an argument list, no shell


def service(machine: Machine, argv: list[str]) -> int:
    """`service NAME restart`."""
    if len(argv) == 2 and argv[1] == "restart":
        return systemctl.restart(machine, argv[0])
    print(f"service: unrecognized command {' '.join(argv)}", file=sys.stderr)
    return 1


def docker_compose(machine: Machine, argv: list[str]) -> int:
    """The old name of `docker compose`."""
    return docker.main(machine, ["compose", *argv])


def free(machine: Machine, argv: list[str]) -> int:
    """`free -h`."""
    print("               total        used        free\nMem:           7.7Gi       2.1Gi       3.9Gi")
    return 0


def uptime(machine: Machine, argv: list[str]) -> int:
    """`uptime`."""
    print(" 10:00:00 up 12 days,  3:04,  0 users,  load average: 0.10, 0.20, 0.30")
    return 0


def openssl(machine: Machine, argv: list[str]) -> int:
    """`openssl x509 -in …/live/NAME/cert.pem -noout -serial`."""
    if argv[:1] == ["x509"] and "-in" in argv:
        name = argv[argv.index("-in") + 1].split("/")[-2]
        with machine.state() as state:
            found = state["certificates"].get(name)
        if found is not None:
            print(f"serial={found['serial'].upper()}")
            return 0
    print("Can't open file", file=sys.stderr)
    return 1


def stat(machine: Machine, argv: list[str]) -> int:
    """`stat --format=%i %s FILE`, for containers' logs."""
    log = machine.container_log(argv[-1])
    if argv[:-1] != ["--format=%i %s"] or log is None or not log.exists():
        print(f"stat: cannot statx '{argv[-1]}': No such file or directory", file=sys.stderr)
        return 1
    found = log.stat()
    print(found.st_ino, found.st_size)
    return 0


def truncate(machine: Machine, argv: list[str]) -> int:
    """`truncate --no-create --size=0 FILE`, for containers' logs."""
    log = machine.container_log(argv[-1])
    if argv[:-1] != ["--no-create", "--size=0"] or log is None:
        print("truncate: the stand-in empties logs of the sandbox's containers only", file=sys.stderr)
        return 1
    if log.exists():
        os.truncate(log, 0)
        machine.effect(f"truncate {log.name}")
    return 0
