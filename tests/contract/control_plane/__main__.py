"""A real control plane for the contract tests: `python -m tests.contract.control_plane build|start|stop|run`."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.contract.control_plane.building import CACHE_VARIABLE, CannotBuildError, build
from tests.contract.control_plane.processes import CannotStartError, stop
from tests.contract.control_plane.servers import CONTEXT, start


def main() -> int:
    """Run the command that the arguments name, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract.control_plane", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "build", help=f"build it into ${CACHE_VARIABLE}, some minutes once a machine; prints the path"
    )
    starting = commands.add_parser("start", help="start one; prints the path of its kubeconfig")
    running = commands.add_parser("run", help="run a command with E2E_KUBECONFIG naming one that lasts as long")
    stopping = commands.add_parser("stop", help="stop the one that was started there")
    for command in (starting, stopping):
        command.add_argument("folder", type=Path, metavar="DIR", help="where its state, logs and kubeconfig are")
    for command in (starting, running):
        command.add_argument("--nodes", default="node-1", help="names of its nodes, separated by commas")
    running.add_argument("arguments", nargs="+", metavar="COMMAND")
    given = parser.parse_args()
    try:
        if given.command == "build":
            sys.stdout.write(f"{build()}\n")
        elif given.command == "start":
            sys.stdout.write(f"{start(build(), given.folder, given.nodes.split(','))}\n")
            sys.stderr.write(f"Its context is {CONTEXT}. Stop it: {parser.prog} stop {given.folder}\n")
        elif given.command == "run":
            # What is asked to end ends what it has started first.
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
            return run(given.nodes.split(","), given.arguments)
        else:
            stop(given.folder)
    except (CannotBuildError, CannotStartError) as error:
        sys.stderr.write(f"control plane: {error}\n")
        return 1
    return 0


def run(nodes: list[str], command: list[str]) -> int:
    """Run a command on a control plane of its own, and return the command's exit code."""
    program = build()
    with tempfile.TemporaryDirectory(prefix="countersign-control-plane-") as name:
        folder = Path(name)
        kubeconfig = start(program, folder, nodes)
        try:
            environment = {**os.environ, "E2E_KUBECONFIG": str(kubeconfig), "E2E_CONTEXT": CONTEXT}
            return subprocess.run(command, env=environment, check=False).returncode
        finally:
            stop(folder)


if __name__ == "__main__":
    sys.exit(main())
