"""Opening the target that an operation is about: a cluster's API, or a host behind the gateway."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Event
from typing import assert_never

from countersign.actions.operation import HostOperation, KubernetesOperation
from countersign.errors import Refused
from countersign.execution.checking import verified_signatures
from countersign.execution.services import Services
from countersign.policy.gateway import HostGateway
from countersign.records.database import transaction
from countersign.records.gateway_audit import GatewayCall, record_call
from countersign.records.owned import Owned
from countersign.records.tables import Approval
from countersign.targets.hosts.audit import Audit, AuditRecord
from countersign.targets.hosts.gateway import Gateway
from countersign.targets.hosts.keys import ApprovalKeys
from countersign.targets.hosts.rules import AgentGrant, Caller, GatewayRules, ProjectGrant
from countersign.targets.hosts.ssh import Sessions
from countersign.targets.hosts.target import HostTarget
from countersign.targets.hosts.tools.model import Scope
from countersign.targets.kubernetes.connection import connect
from countersign.targets.kubernetes.target import KubernetesTarget
from countersign.targets.model import Target

AGENT_ROLE = "executor"


@dataclass(frozen=True)
class OnBehalfOf:
    """Whose action it is."""

    approval: Approval
    owned: Owned


@contextmanager
def open_target(
    services: Services,
    operation: KubernetesOperation | HostOperation,
    behalf: OnBehalfOf,
    *,
    stop: Event | None = None,
) -> Iterator[Target]:
    """Open the target of `operation` and close it afterwards. Nothing is sent by opening it; `stop` ends long waits.

    Raises ConfigurationError.
    """
    match operation:
        case KubernetesOperation():
            settings = services.settings
            with connect(services.the_cluster(), request_timeout=settings.request_timeout_seconds) as connection:
                limit = int(settings.drain_timeout_seconds)
                yield KubernetesTarget(connection, drain_timeout_seconds=limit, stop=stop)
        case HostOperation():
            with ExitStack() as closing:
                yield _host_target(services, behalf, closing)
        case _:
            assert_never(operation)


def _host_target(services: Services, behalf: OnBehalfOf, closing: ExitStack) -> HostTarget:
    rules, approval = services.policy.host_gateway, behalf.approval
    sessions = closing.enter_context(Sessions(services.the_fleet()))
    keys = None
    if services.settings.redis_url is not None:
        keys = ApprovalKeys.connect(services.settings.redis_url.get_secret_value())
        closing.callback(keys.close)
    caller = Caller(
        project=rules.project,
        agent=approval.requested_by,
        run=str(behalf.owned.execution_id),
        role=AGENT_ROLE,
        trust=_trust(services, approval),
        session=f"{behalf.owned.execution_id}:{behalf.owned.fence}",
        incident=approval.incident_id,
        approval=str(approval.id),
    )
    gateway = Gateway(rules=_rules(rules), audit=_audit(services, behalf), keys=keys)
    return HostTarget(sessions=sessions, gateway=gateway, caller=caller, issue=keys.write if keys else None)


def _trust(services: Services, approval: Approval) -> float:
    """Return 1 where a person signed, else what the policy gives the auto-approver.

    A run that takes over is past the check of the signatures. If they do not hold any more, the fourth gate lets
    through what only reads, so that the host can still be asked what happened.
    """
    try:
        verified = verified_signatures(services, approval)
    except Refused:
        return 0.0
    return services.policy.auto_approver.trust if verified.automatic else 1.0


def _rules(given: HostGateway) -> GatewayRules:
    return GatewayRules(
        agents=tuple(
            AgentGrant(grant.agent, frozenset(Scope(scope.value) for scope in grant.scopes)) for grant in given.agents
        ),
        projects=tuple(
            ProjectGrant(grant.project, grant.environments, grant.hosts, grant.groups) for grant in given.projects
        ),
        shadow=given.shadow,
    )


def _audit(services: Services, behalf: OnBehalfOf) -> Audit:
    def record(line: AuditRecord) -> None:
        with transaction(services.engine) as session:
            record_call(
                session,
                GatewayCall(
                    session_id=line.session or line.run,
                    agent=line.agent,
                    agent_role=line.role,
                    project=line.project,
                    host=line.host,
                    tool=line.tool,
                    parameters=line.parameters,
                    purpose=line.purpose.value,
                    decision=line.decision.value,
                    argv=line.argv,
                    incident_id=line.incident,
                    approval_id=behalf.approval.id,
                    execution_id=behalf.owned.execution_id,
                    gate=line.gate,
                    gate_code=line.gate_code,
                    exit_code=line.exit_code,
                    duration_ms=line.duration_ms,
                    error=line.detail or None,
                ),
            )

    return record
