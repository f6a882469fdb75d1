"""Opening the target that an operation is about: a cluster's API, or a host behind the gateway."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Event
from typing import assert_never

from countersign.actions.operation import HostOperation, KubernetesOperation
from countersign.errors import ConfigurationError, Refused
from countersign.execution.checks import verified_signatures
from countersign.execution.place_identity import CLUSTER, HOST, cluster_identity, host_identity, require_same
from countersign.execution.services import Services
from countersign.policy.gateway import HostGateway
from countersign.records import audit
from countersign.records.database.engine import transaction
from countersign.records.gateway_audit import GatewayCall, record_call
from countersign.records.owned import Owned
from countersign.records.tables import Approval
from countersign.secret_files import make_key
from countersign.targets.hosts.audit import Audit, AuditRecord
from countersign.targets.hosts.gateway import Gateway
from countersign.targets.hosts.keeping import KeptSessions
from countersign.targets.hosts.keys import FORGED, SECRET_FILE, ApprovalKeys
from countersign.targets.hosts.rules import AgentGrant, Caller, GatewayRules, ProjectGrant
from countersign.targets.hosts.ssh import Sessions
from countersign.targets.hosts.target import HostTarget
from countersign.targets.hosts.tools.model import Scope
from countersign.targets.kubernetes.connection import connect
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from countersign.targets.kubernetes.target import KubernetesTarget
from countersign.targets.model import Plan, Target

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
    planned_for: str | None,
    stop: Event | None = None,
    kept: KeptSessions | None = None,
) -> Iterator[Target]:
    """Open the target of `operation` and close it afterwards. Nothing is sent by opening it; `stop` ends long waits;
    connections to hosts are `kept` for the run's next phase.

    A cluster is the one that the approval was signed for. Where there is a plan, `planned_for` is its system, and no
    other one is opened: there, an object that the plan deletes is "gone", and nothing would be known of the one that
    was meant.

    Raises ConfigurationError, or NotTrusted where a name means another place than the one that was signed for.
    """
    match operation:
        case KubernetesOperation():
            settings = services.settings
            cluster = same_cluster(services, behalf.approval, planned_for)
            with connect(cluster, request_timeout=settings.request_timeout_seconds) as connection:
                limit = int(settings.drain_timeout_seconds)
                yield KubernetesTarget(connection, drain_timeout_seconds=limit, stop=stop)
        case HostOperation():
            _require_fleet(services, planned_for)
            with ExitStack() as closing:
                yield _host_target(services, behalf, closing, kept)
        case _:
            assert_never(operation)


def is_known(services: Services, plan: Plan) -> bool:
    """Tell whether the cluster or the hosts that `plan` was made for are configured.

    Raises ConfigurationError where that cannot be told.
    """
    if _on_hosts(plan):
        return services.the_fleet().name == plan.system
    if services.clusters.problem is not None:
        raise services.clusters.problem
    return plan.system in services.clusters.by_name


def require_known(services: Services, plan: Plan) -> None:
    """Raise ConfigurationError where the cluster or the hosts that `plan` was made for are not configured."""
    if _on_hosts(plan):
        _require_fleet(services, plan.system)
    else:
        services.clusters.planned(plan.system)


def _on_hosts(plan: Plan) -> bool:
    return any(ref.kind == "Host" for ref in plan.refs)


def cluster_to_open(services: Services, approval: Approval, planned_for: str | None) -> ClusterSettings:
    """Return the cluster of the name that `approval` or its plan is for. Raises ConfigurationError."""
    clusters, signed = services.clusters, approval.target or {}
    return clusters.signed(signed) if planned_for is None else clusters.planned(planned_for)


def same_cluster(services: Services, approval: Approval, planned_for: str | None) -> ClusterSettings:
    """Return the cluster that `approval` was signed for, and its plan made for.

    Raises ConfigurationError, or NotTrusted where its name means another one by now.
    """
    found, signed = cluster_to_open(services, approval, planned_for), approval.target or {}
    require_same(signed.get(CLUSTER), cluster_identity(found), name=found.name)
    return found


def _require_fleet(services: Services, planned_for: str | None) -> None:
    fleet = services.the_fleet()
    if planned_for is not None and fleet.name != planned_for:
        raise ConfigurationError(
            f"The plan was made for the hosts {planned_for!r}; the block now means {fleet.name!r}.",
            hint="restore the block, or look at the target and settle the execution by hand",
        )


def _host_target(services: Services, behalf: OnBehalfOf, closing: ExitStack, kept: KeptSessions | None) -> HostTarget:
    rules, approval, signed = services.policy.host_gateway, behalf.approval, behalf.approval.target or {}
    if (name := signed.get("host")) is not None:
        require_same(signed.get(HOST), host_identity(services.the_fleet(), name), name=name)
    fleet = services.the_fleet()
    sessions = closing.enter_context(kept.open(fleet) if kept else Sessions(fleet))
    keys = None
    if services.settings.redis_url is not None:
        secret = make_key(services.settings.trust_dir, SECRET_FILE)
        keys = ApprovalKeys.connect(services.settings.redis_url.get_secret_value(), secret=secret)
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
            if line.gate_code == FORGED:
                audit.record(
                    session,
                    audit.Event.TAMPERING_APPROVAL_KEY,
                    approval_id=behalf.approval.id,
                    actor=line.agent,
                    details={"host": line.host, "tool": line.tool, "found": line.detail},
                )

    return record
