"""What the gateway and our SSH layer cost over bare fabric, on a connection that is reused.

Turn by turn in one run, on the same sandbox host: the same command through fabric's `run`, through our sessions, and
through sessions and gateway (approval key written and consumed, two audit records). Then a whole restart: `apply`
with its comparisons before and after, against fabric running the one command. At last this process's processor time
for a host, from the connection to the facts after a restart, with the host in another process; beside it fabric with
as many commands over a connection of its own. The run's records are not in it.

    .venv/bin/python -m benchmarks.ssh_overhead [--runs 200] [--server sshd|standin]
"""

import argparse
import multiprocessing
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from secrets import token_bytes
from typing import Any
from uuid import UUID

import fabric

from countersign.actions.operation import HostOperation
from countersign.local.valkey import EmbeddedValkey
from countersign.targets.hosts.audit import AuditRecord, Purpose, ToolCall
from countersign.targets.hosts.connecting import connect, disconnect
from countersign.targets.hosts.fleet import FleetSettings
from countersign.targets.hosts.gateway import Gateway
from countersign.targets.hosts.keys import ApprovalKeys, KeyBinding
from countersign.targets.hosts.rules import AgentGrant, Caller, GatewayRules, ProjectGrant
from countersign.targets.hosts.ssh import Sessions, command_line
from countersign.targets.hosts.target import HostTarget
from countersign.targets.hosts.tools.model import Scope
from countersign.targets.model import Intent, Plan
from sandbox.hosts.host import SandboxHost

RULES = GatewayRules(agents=(AgentGrant("*", frozenset(Scope)),), projects=(ProjectGrant("bench", ("sandbox",)),))
CALLER = Caller(project="bench", agent="bench", run="run", trust=1.0)
LIMIT_MS = 10.0
_ENTRIES = count(1)


def timed(call: Callable[[], object]) -> float:
    """Return the milliseconds that `call` takes."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def line(name: str, values: list[float], base: list[float]) -> float:
    """Print one row and return the median overhead over `base` in milliseconds."""
    median, reference = statistics.median(values), statistics.median(base)
    p95 = sorted(values)[int(len(values) * 0.95)]
    over = median - reference
    print(f"{name:34} median {median:7.2f} ms   p95 {p95:7.2f} ms   {over:+7.2f} ms   x {median / reference:.2f}")
    return over


def cost_of_a_host(server: str, runs: int) -> None:
    """Print the processor time that a host takes of this process."""
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe()
    process = spawning.Process(target=_host_apart, args=(server, theirs))
    process.start()
    try:
        fleet = FleetSettings("bench", (ours.recv(),))
        restarts = [_processor_ms(lambda: _restart(fleet)) for _ in range(runs)]
        by_fabric = [_processor_ms(lambda: _by_fabric(fleet)) for _ in range(runs)]
    finally:
        ours.send(None)
        process.join()
    line("processor: fabric, 3 commands", by_fabric, by_fabric)
    line("processor: a whole restart, 3", restarts, by_fabric)


def _host_apart(server: Any, told: Connection) -> None:
    with SandboxHost(server=server) as sandbox:
        told.send(sandbox.settings())
        told.recv()


def _restart(fleet: FleetSettings) -> None:
    operation = HostOperation("ssh_systemctl_restart", fleet.hosts[0].name, parameters=(("unit", "nginx"),))
    gateway = Gateway(rules=RULES, audit=lambda record: None, keys=_AnyKey())
    with Sessions(fleet) as sessions:
        target = HostTarget(sessions=sessions, gateway=gateway, caller=CALLER, issue=lambda key: None)
        with target.moment():
            plan = target.plan(operation, target.resolve(operation), at=datetime.now(UTC))
            target.preflight(plan)
            target.observe(plan)
        _apply(target, plan)


def _by_fabric(fleet: FleetSettings) -> None:
    connection = connect(fleet.hosts, connect_timeout=5, auth_timeout=5)
    show = command_line(["systemctl", "show", "--property=InvocationID", "nginx.service"], limit=20)
    for text in (show, command_line(["systemctl", "restart", "nginx.service"], limit=120), show):
        connection.run(text, hide=True, warn=True, in_stream=False, pty=False, timeout=35)
    disconnect(connection)


def _processor_ms(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return (time.process_time() - began) * 1000


class _AnyKey(ApprovalKeys):
    """Finds every key: the time of Redis is measured above."""

    def __init__(self) -> None:
        return

    def consume(self, key: KeyBinding) -> bool:
        return True


def _apply(target: HostTarget, plan: Plan) -> object:
    step = plan.steps[0]
    return target.apply(plan, step, Intent.of(step, execution_id=UUID(int=0), entry=next(_ENTRIES)))


def main() -> int:
    """Measure; exit code 1 when the gateway's median overhead is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--server", choices=("auto", "sshd", "standin"), default="auto")
    options = parser.parse_args()
    audit: list[AuditRecord] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedValkey(Path(folder) / "valkey", durable=False) as valkey,
        SandboxHost(server=options.server) as sandbox,
        Sessions(FleetSettings("bench", (sandbox.settings(),))) as sessions,
    ):
        (host,) = sessions.fleet.hosts
        keys = ApprovalKeys.connect(valkey.url, secret=token_bytes(32))
        gateway = Gateway(rules=RULES, audit=audit.append, keys=keys)
        sessions.run(host, ["true"], limit=30)
        connection: fabric.Connection = sessions._connections[host.name]  # the very same connection for all
        command = command_line(["true"], limit=30)
        call = ToolCall("ssh_docker_restart", host, {"container": "web"}, CALLER, Purpose.APPLY)

        def run_by_fabric(text: str) -> None:
            connection.run(text, hide=True, warn=True, in_stream=False, pty=False, timeout=35)

        def gated() -> None:
            keys.write(call.binding)
            gateway.authorise(call, (("true",),))
            output = sessions.run(host, ["true"], limit=30)
            gateway.completed(call, ok=True, detail="", exit_code=output.exit_code, duration_ms=output.duration_ms)

        bare: list[float] = []
        ours: list[float] = []
        through: list[float] = []
        for _ in range(options.runs):
            bare.append(timed(lambda: run_by_fabric(command)))
            ours.append(timed(lambda: sessions.run(host, ["true"], limit=30)))
            through.append(timed(gated))
        print(f"{type(sandbox._server).__name__}, {options.runs} runs, one reused connection")
        line("fabric run", bare, bare)
        line("sessions", ours, bare)
        over = line("sessions and gateway", through, bare)

        target = HostTarget(sessions=sessions, gateway=gateway, caller=CALLER, issue=keys.write)
        operation = HostOperation("ssh_systemctl_restart", host.name, parameters=(("unit", "nginx"),))
        restart = shlex.join(["timeout", "--kill-after=5", "120", "systemctl", "restart", "nginx.service"])
        bare_restart: list[float] = []
        whole: list[float] = []
        for _ in range(max(options.runs // 5, 10)):
            plan = target.plan(operation, target.resolve(operation), at=datetime.now(UTC))
            whole.append(timed(lambda plan=plan: _apply(target, plan)))  # type: ignore[misc]
            bare_restart.append(timed(lambda: run_by_fabric(restart)))
        line("restart: fabric, one command", bare_restart, bare_restart)
        line("restart: apply, three commands", whole, bare_restart)
        keys.close()
    cost_of_a_host(options.server, max(options.runs // 5, 10))
    print(f"limit {LIMIT_MS:.0f} ms over fabric: {'kept' if over < LIMIT_MS else 'BROKEN'}")
    return 0 if over < LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
