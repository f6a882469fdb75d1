"""A whole stack whose servers are killed: what runs, how it is killed, and when it is back."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
import yaml
from pydantic import SecretStr
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from blocks import NotificationChannels
from countersign.aftermath.incidents.alertmanager import read_alerts
from countersign.aftermath.incidents.alerts import receive
from countersign.errors import CountersignError
from countersign.execution.decisions import sign_approval
from countersign.execution.filing import Request, file_request
from countersign.execution.services import Services
from countersign.local.postgres import DURABLE
from countersign.local.stack import Stack
from countersign.policy.loading import load_policy
from countersign.policy.signatures import Decision
from countersign.processes import started_at
from countersign.records.database.engine import connect, transaction
from countersign.settings import Settings
from sandbox.cluster import ControlClient
from sandbox.cluster.requests import kept_mutations
from sandbox.demo.household import ADMINISTRATOR, PEOPLE, Household, make_household
from sandbox.hosts.ports import answers
from sandbox.hosts.programs.machine import Machine
from tests.aftermath.notifications.receiver import Receiver
from tests.stack.commands import in_environment
from tests.stack.declaring import declare, module_path
from tests.stack.moving_in import moved_in

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
DEPLOYED, PAUSING = "flows.execute_approval.execute_approval", "tests.faults.servers.pausing.execute_approval"
HOOK = "/hook/team"
SURVIVES_A_KILL: Mapping[str, str] = {**DURABLE, "fsync": "off"}
"""A killed PostgreSQL has given every committed byte to the kernel, which keeps it; only a power cut would lose it.

synchronous_commit stays on: without it a commit is answered before it has left the process.
"""


@dataclass(frozen=True)
class Place:
    """A running stack with blocks, people and an engine of the test's own."""

    stack: Stack
    services: Services
    household: Household
    receiver: Receiver
    """The channel that is told of everything."""

    # --- approvals ----------------------------------------------------------------------------------

    def approved(self, action: str, *, incident_id: str | None = None) -> UUID:
        """File `action` and have it signed."""
        with transaction(self.services.engine) as session:
            request = Request(
                action=action,
                requested_by=ADMINISTRATOR,
                risk_level="medium",
                incident_id=incident_id,
                start="by_hand",
            )
            approval = file_request(session, request, policy=self.services.policy, now=datetime.now(UTC)).approval
            for name in PEOPLE[: approval.required_signatures]:
                key = self.household.keys[name]
                sign_approval(session, self.services, approval, signer=name, key=key, decision=Decision.APPROVE)
            return approval.id

    def incident(self, incident_id: str) -> None:
        """Have an alert come in that no other incident knows."""
        labels = {"alertname": "HighLatency", "namespace": "prod", "service": incident_id, "category": "latency"}
        alert = {"status": "firing", "labels": labels, "startsAt": datetime.now(UTC).isoformat()}
        alerts = read_alerts({"version": "4", "groupKey": incident_id, "alerts": [alert]})
        with transaction(self.services.engine) as session:
            receive(session, alerts, now=datetime.now(UTC), incident_id=incident_id)

    def messages(self, incident_id: str) -> int:
        """Return how often the channel was told about an incident's execution."""
        return sum(incident_id in json.dumps(each.body) for each in self.receiver.received(HOOK))

    # --- the target -----------------------------------------------------------------------------------

    @property
    def host(self) -> Machine:
        """The sandbox host's folder, which outlives its server."""
        return Machine(self.stack.addresses.state_dir / "host")

    def cluster(self) -> ControlClient:
        """Return the client of the cluster."""
        kubeconfig = self.stack.addresses.kubeconfig
        assert kubeconfig is not None
        return ControlClient.from_kubeconfig(kubeconfig.read_text())

    def mutations(self) -> list[str]:
        """Return what changed the cluster so far, by its own log."""
        kept = kept_mutations(self.stack.addresses.state_dir / "mutations.jsonl")
        return [f"{each.method} {each.path}" for each in kept]

    def host_effects(self) -> list[str]:
        """Return what changed the host so far, by its own log."""
        return [line["what"] for line in _lines(self.host.folder / "effects.jsonl")]

    def host_calls(self) -> list[list[str]]:
        """Return the argument lists of every program of the host that runs now."""
        return [line["argv"] for line in _lines(self.host.folder / "calls.jsonl") if started_at(line["pid"])]

    # --- its servers ----------------------------------------------------------------------------------

    def pid(self, part: str) -> int:
        """Return the process id of a part of the stack."""
        return next(each.pid or 0 for each in self.stack.parts() if each.name == part)

    def kill(self, part: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to a part of the stack, and return the pid that it has. Raises ProcessLookupError."""
        pid = self.pid(part)
        # A part that has just died has a pid that may be anybody's by now.
        if not _is_a_child(pid):
            raise ProcessLookupError(f"{part} does not run")
        os.kill(pid, number)
        return pid

    def is_back(self, part: str, *, killed: int) -> bool:
        """Tell whether another process than the killed one does the part's work."""
        self.stack.check()
        try:
            return self.pid(part) not in (0, killed) and self._works(part)
        except (CountersignError, RedisError, httpx.HTTPError, OSError):
            return False

    def _works(self, part: str) -> bool:
        addresses = self.stack.addresses
        match part:
            case "PostgreSQL":
                connect(SecretStr(addresses.database_url), timeout=2).dispose()
                return True
            case "Valkey":
                assert addresses.redis_url is not None
                with Redis.from_url(addresses.redis_url, retry=Retry(NoBackoff(), 0)) as client:
                    return bool(client.ping())
            case "prefect-server":
                return httpx.get(f"{addresses.api_url}/health", timeout=2).is_success
            case "cluster":
                self.cluster().faults()
                return True
            case "host":
                return answers(json.loads((addresses.state_dir / "host.json").read_text())["port"])
            case _:
                return "started!" in self.stack.log(part)

    # --- Prefect --------------------------------------------------------------------------------------

    def deployment(self, name: str) -> str:
        """Return a deployment's id."""
        return str(self.ask("GET", f"/deployments/name/{name}")["id"])

    def run(self, deployment: str, **parameters: object) -> str:
        """Ask for a run now; return its id."""
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return str(self.ask("POST", f"/deployments/{deployment}/create_flow_run", body)["id"])

    def ask(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """Ask Prefect's API, again and again while its server or its database is away."""
        give_up = time.monotonic() + 120
        while True:
            with suppress(httpx.HTTPError):
                addresses = self.stack.addresses
                url = f"{addresses.api_url}{path}"
                answer = httpx.request(method, url, json=body, auth=addresses.login(), timeout=20)
                if answer.is_success:
                    found: dict[str, object] = answer.json() if answer.content else {}
                    return found
                assert answer.status_code >= 500, answer.text
            assert time.monotonic() < give_up, f"Prefect's server does not answer {method} {path}"
            time.sleep(0.1)


def _is_a_child(pid: int) -> bool:
    """Tell whether the process runs (or is stopped) and was started by this one."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except (OSError, ValueError):
        return False
    return state not in "ZX" and int(parent) == os.getpid()


def _without_rate_limit(household: Household) -> Household:
    """The same few targets are acted on again and again."""
    policy = {**yaml.safe_load(household.policy), "max_actions_per_target_and_hour": None}
    return replace(household, policy=yaml.safe_dump(policy, sort_keys=False))


def _lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@contextmanager
def open_place(
    state_dir: Path,
    *,
    environment: Mapping[str, str],
    project: Path = ROOT,
    workers: int = 1,
    postgres_options: Mapping[str, str] = SURVIVES_A_KILL,
    web_port: int | None = None,
    household: Household | None = None,
) -> Iterator[Place]:
    """Start a stack and give it blocks and people; with a `web_port` (0: any) the API, too."""
    stack = Stack(
        state_dir,
        web_port=web_port,
        project=project,
        workers=workers,
        postgres_options=postgres_options,
        environment={"PYTHONPATH": module_path(project), **environment},
    )
    with stack, closing(Receiver()) as receiver:
        household = _without_rate_limit(household or make_household())
        kubeconfig = stack.addresses.kubeconfig
        assert kubeconfig is not None
        moved_in(stack, household, kubeconfig.read_text())
        told = {"channels": [{"name": "team"}], "urls": {"team": f"json://{receiver.address}{HOOK}"}}
        with in_environment(stack.environment()):
            asyncio.run(NotificationChannels.model_validate(told).asave("default", overwrite=True))
        policy = load_policy(household.policy)
        engine = connect(SecretStr(stack.addresses.database_url), timeout=5)
        services = Services(
            settings=Settings(trust_dir=stack.addresses.trust_dir),
            engine=engine,
            policy=policy,
            reread_policy=lambda: policy,
        )
        yield Place(stack, services, household, receiver)
        engine.dispose()


def pausing_project(folder: Path) -> Path:
    """Make a project in `folder` that deploys what the real one deploys, with a flow that waits at named points."""
    folder.mkdir()
    declare(folder, {"tests.faults.servers.pausing": ["execute_approval"]})
    deployments = (ROOT / "prefect.yaml").read_text()
    assert DEPLOYED in deployments
    (folder / "prefect.yaml").write_text(deployments.replace(DEPLOYED, PAUSING))
    return folder


def patiently(read: Callable[[], bool]) -> Callable[[], bool]:
    """Return `read`, for which an answer that cannot be had is no."""

    def asked() -> bool:
        try:
            return read()
        except CountersignError:
            return False

    return asked
