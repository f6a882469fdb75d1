"""A sandbox host for each test, on the stand-in server and on the real sshd where it is installed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from countersign.actions.operation import HostOperation
from countersign.targets.hosts.audit import AuditRecord
from countersign.targets.hosts.fleet import FleetSettings
from countersign.targets.hosts.gateway import Gateway
from countersign.targets.hosts.keys import ApprovalKeys
from countersign.targets.hosts.rules import AgentGrant, Caller, GatewayRules, ProjectGrant
from countersign.targets.hosts.ssh import Sessions
from countersign.targets.hosts.target import HostTarget
from countersign.targets.hosts.tools.model import Scope
from countersign.targets.model import Plan
from sandbox.hosts.host import SandboxHost
from sandbox.hosts.openssh import SSHD

SECRET = b"made for the tests alone"
AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
CALLER = Caller(project="shop", agent="executor", run="run-1", trust=1.0, approval="approval-1", incident="INC-1")
RULES = GatewayRules(
    agents=(
        AgentGrant("executor", frozenset(Scope)),
        AgentGrant("writer", frozenset({Scope.READ, Scope.WRITE})),
        AgentGrant("reader", frozenset({Scope.READ})),
    ),
    projects=(ProjectGrant("shop", environments=("sandbox",)),),
)

sshd = pytest.param("sshd", marks=pytest.mark.skipif(not SSHD.exists(), reason="openssh-server is not installed"))


@pytest.fixture(params=["standin", sshd])
def host(request: pytest.FixtureRequest) -> Iterator[SandboxHost]:
    with SandboxHost(server=request.param) as running:
        yield running


@pytest.fixture
def keys(valkey_url: str) -> Iterator[ApprovalKeys]:
    opened = ApprovalKeys.connect(valkey_url, secret=SECRET)
    yield opened
    opened.close()


@dataclass
class World:
    """A target with everything around it in reach."""

    host: SandboxHost
    keys: ApprovalKeys
    sessions: Sessions
    audit: list[AuditRecord] = field(default_factory=list)

    def target(
        self,
        *,
        caller: Caller = CALLER,
        rules: GatewayRules = RULES,
        keys: ApprovalKeys | None = None,
        issue: bool = True,
    ) -> HostTarget:
        kept = keys or self.keys
        gateway = Gateway(rules=rules, audit=self.audit.append, keys=kept)
        return HostTarget(sessions=self.sessions, gateway=gateway, caller=caller, issue=kept.write if issue else None)

    def plan(self, tool: str, target: HostTarget | None = None, **parameters: str) -> Plan:
        operation = HostOperation(tool=tool, host=self.host.name, parameters=tuple(sorted(parameters.items())))
        target = target or self.target()
        return target.plan(operation, target.resolve(operation), at=AT)

    @property
    def decisions(self) -> list[tuple[str, str, int | None, str | None]]:
        return [(one.purpose.value, one.decision.value, one.gate, one.gate_code) for one in self.audit]


@pytest.fixture
def fleet(host: SandboxHost) -> FleetSettings:
    return FleetSettings("sandbox", (host.settings(),), linger_seconds=0)


@pytest.fixture
def world(host: SandboxHost, fleet: FleetSettings, keys: ApprovalKeys) -> Iterator[World]:
    with Sessions(fleet) as sessions:
        yield World(host, keys, sessions)


@pytest.fixture
def run(host: SandboxHost, fleet: FleetSettings) -> Iterator[Callable[..., object]]:
    with Sessions(fleet) as sessions:
        yield lambda *argv, limit=10: sessions.run(fleet.hosts[0], argv, limit=limit)
