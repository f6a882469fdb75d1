"""Taking in a request: what the action reads to is fixed at filing, so that it is part of what gets signed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlmodel import Session

from countersign.actions import describe, read_action
from countersign.actions.selection import NotNamedYet
from countersign.errors import ConfigurationError, Disguised, InvalidInput, ParseFailure
from countersign.execution.clusters import NO_CLUSTERS, Clusters, choose_cluster
from countersign.execution.place_identity import CLUSTER, HOST, cluster_identity, host_identity
from countersign.execution.scope import scope_in, scope_of
from countersign.execution.selectors import Selected, select
from countersign.execution.services import Services
from countersign.policy.access import Scope
from countersign.policy.document import Policy
from countersign.policy.names import identity, require_name, require_seen, texts_in
from countersign.policy.risk import RiskLevel as PolicyRisk
from countersign.policy.signatures import FILED_BY, SignedContent
from countersign.records import refusals
from countersign.records.approvals import NewApproval, file_approval
from countersign.records.incident_names import incident_named_in
from countersign.records.states import RiskLevel, Start, WhenBlocked
from countersign.records.tables import Approval
from countersign.targets.hosts.fleet import FleetSettings
from countersign.targets.kubernetes.kinds import api_kind
from countersign.targets.kubernetes.kubeconfig import ClusterSettings

W = TypeVar("W", bound=StrEnum)
TARGET_FIELDS = ("tool", "kind", "version", "names", "also", "host", "user", "port", "namespace", "cluster")


@dataclass(frozen=True)
class Request:
    """A request to perform one action, as a person or an approval system makes it."""

    action: str
    requested_by: str
    description: str = ""
    risk_level: str = "medium"
    required_signatures: int = 1
    blast_radius: Mapping[str, Any] = field(default_factory=dict)
    incident_id: str | None = None
    matched_playbook_id: str | None = None
    expires_at: datetime | None = None
    not_before: datetime | None = None
    """Nothing is started before; None is as soon as it is approved."""
    start: str = Start.WHEN_APPROVED.value
    """Who starts it: a worker as soon as it is approved ("when_approved"), or whoever triggers it ("by_hand")."""
    when_blocked: str = WhenBlocked.END.value
    """What a freeze, a limit or a held target does to it: it ends as blocked ("end"), or waits for its turn
    ("wait")."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None
    filed_by: str | None = None
    """Who files it in the requester's name; None is the requester. Neither of the two can sign it under four eyes."""
    cluster: str | None = None
    """The cluster that is meant; None is the one that the action names, else the default one."""


@dataclass(frozen=True)
class Filed:
    """The approval, and what the requester should know about it now."""

    approval: Approval
    reading: Mapping[str, Any]
    """What the action reads to (countersign.actions.describe), and on which cluster; "refused" with reason and hint
    if it does not."""
    selected: Selected | None = None
    """What the action's selector meant, if it had one; the approval has the names."""


def file_request(
    session: Session,
    request: Request,
    *,
    policy: Policy,
    now: datetime,
    clusters: Clusters = NO_CLUSTERS,
    fleet: FleetSettings | ConfigurationError | None = None,
    permit: Callable[[Scope], None] = lambda _scope: None,
) -> Filed:
    """Put `request` on record as a pending approval and say what its action means.

    The policy's minimum of signatures for the risk is filed with it, so that it is not called approved with fewer
    than will be asked for.

    Where the cluster is known, its name, its identity and its default namespace become part of what is signed, and
    so does a host's identity: a block or a default that is changed later must not move the action elsewhere.

    A selector is resolved to names now, by asking the cluster: the action that is filed and signed has the names,
    and the metadata has the text as it was written.

    `permit` raises where the requester may not act there; it is asked before a cluster is, and about what was filed.

    A text that cannot be read is filed all the same, and ends as a parse failure: the requester's words stay on
    record. Raises InvalidInput naming the field, ConfigurationError where the cluster that is named cannot be used.
    """
    try:
        _check_texts(request)
    except Disguised as refusal:
        refusals.tell_afterwards(session, refusal)
        raise
    if request.filed_by is not None and identity(request.filed_by) != identity(request.requested_by):
        request = replace(request, metadata={**request.metadata, FILED_BY: request.filed_by})
    _check_times(request, now)
    risk = _one_of(RiskLevel, request.risk_level, "risk_level")

    def choose(reading: Mapping[str, Any]) -> ClusterSettings | None:
        found = cluster_of(reading, request.cluster, clusters)
        # Whoever may not act there learns nothing of what is there.
        permit(scope_in(target_of(reading, found), parameters_of(reading), risk.value))
        return found

    selected = select(request.action, policy=policy, choose=choose)
    if selected is not None:
        written = {"selected": {"as_written": selected.as_written, "selector": selected.selector}}
        request = replace(request, action=selected.action, metadata={**request.metadata, **written})
    reading = reading_of(request.action)
    cluster = cluster_of(reading, request.cluster, clusters)
    policy = policy.at_cluster(cluster.name if cluster else None)
    approval = file_approval(
        session,
        NewApproval(
            action=request.action,
            description=request.description,
            risk_level=risk,
            requested_by=request.requested_by,
            required_signatures=max(1, policy.required_signatures(PolicyRisk(risk), request.required_signatures)),
            blast_radius=dict(request.blast_radius),
            # Signed, and from the start on the run's own timeline, log and evidence.
            incident_id=request.incident_id
            or incident_named_in(request.description, request.action, request.requested_by),
            matched_playbook_id=request.matched_playbook_id,
            expires_at=request.expires_at,
            not_before=request.not_before,
            start=_one_of(Start, request.start, "start"),
            when_blocked=_one_of(WhenBlocked, request.when_blocked, "when_blocked"),
            metadata=dict(request.metadata),
            target=target_of(reading, cluster, fleet),
            parameters=parameters_of(reading),
            idempotency_key=request.idempotency_key,
        ),
        now=now,
    )
    permit(scope_of(approval))
    return Filed(approval, placed(reading, approval.target), selected)


def file_at(
    session: Session,
    services: Services,
    request: Request,
    *,
    as_is: bool = False,
    permit: Callable[[Scope], None] = lambda _scope: None,
) -> Filed:
    """File `request` with everything that this installation knows: the one way in for every door.

    Unless `as_is`, an action that cannot be read is refused while whoever made it is there to mend it. Raises what
    `file_request` raises, ParseFailure, and what `permit` raises.
    """
    if not as_is:
        require_readable(request.action)
    filed = file_request(
        session,
        request,
        policy=services.policy,
        now=datetime.now(UTC),
        clusters=services.clusters,
        fleet=services.fleet,
        permit=permit,
    )
    _require_placed(services, filed)
    return filed


def _require_placed(services: Services, filed: Filed) -> None:
    """Raise where nobody would sign which cluster or host is meant, since none is known here by that name."""
    target = filed.approval.target or {}
    if (host := target.get("host")) is not None and HOST not in target:
        services.the_fleet().host(host)
        raise ConfigurationError(f"No key of the host {host} is pinned.", hint=f"countersign hosts pin {host}")
    if _on_cluster(filed.reading) and CLUSTER not in target:
        services.clusters.the_default()


def require_readable(action: str) -> None:
    """Raise ParseFailure unless the action can be read; a selector gets its names when it is filed."""
    try:
        read_action(action)
    except NotNamedYet:
        return


def _check_texts(request: Request) -> None:
    """Refuse what a signer would not see, or would take for something else. Raises InvalidInput naming the field."""
    require_name(request.requested_by, field="requested_by")
    if request.filed_by is not None:
        require_name(request.filed_by, field="filed_by")
    if FILED_BY in request.metadata:
        raise InvalidInput(f"metadata: {FILED_BY} is not a requester's to say", hint="leave it out")
    for name, value, breaks in (
        ("description", request.description, True),
        ("incident", request.incident_id, False),
        ("playbook", request.matched_playbook_id, False),
        ("idempotency_key", request.idempotency_key, False),
    ):
        require_seen(value or "", field=name, line_breaks=breaks)
    for name, document in (("metadata", request.metadata), ("blast_radius", request.blast_radius)):
        for text in texts_in(document):
            require_seen(text, field=name, line_breaks=True)


def _check_times(request: Request, now: datetime) -> None:
    expires, start = request.expires_at, request.not_before
    if start is not None and start.tzinfo is None:
        raise InvalidInput("not_before: has no time zone", hint="for example 2026-01-31T12:00:00Z")
    if expires is None or expires.tzinfo is None:
        return
    if expires <= now:
        raise InvalidInput(f"expires_at: {expires.isoformat()} has passed", hint="give a time ahead")
    if start is not None and start >= expires:
        raise InvalidInput(
            f"not_before: {start.isoformat()} is not before expires_at, {expires.isoformat()}",
            hint="give it time between the two",
        )


def cluster_of(reading: Mapping[str, Any], asked: str | None, clusters: Clusters) -> ClusterSettings | None:
    """Return the cluster that a request is about, None where it is about none or none can be told.

    Raises InvalidInput (two different ones, an unknown one, a host's action), ConfigurationError.
    """
    if reading.get("host") is not None and asked is not None:
        raise InvalidInput(
            f"cluster: the action is one on the host {reading['host']}, not on a cluster", hint="leave it out"
        )
    in_action = reading.get("cluster")
    if clusters.problem is not None and (_on_cluster(reading) or (in_action, asked) != (None, None)):
        # Nobody would sign on which cluster it acts.
        raise clusters.problem
    name = choose_cluster(
        in_action=in_action, asked=asked, default=clusters.default, known=frozenset(clusters.by_name)
    )
    if not _on_cluster(reading) or name is None:
        return None
    return clusters.named(name)


def placed(reading: Mapping[str, Any], target: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return `reading` with the cluster and the namespace that the request was filed for, for people to see."""
    return {**reading, **{name: target[name] for name in ("cluster", "namespace") if target and name in target}}


def _on_cluster(reading: Mapping[str, Any]) -> bool:
    return reading.get("kind") is not None or reading["reading"] == "investigation"


def _one_of(words: type[W], value: str, field: str) -> W:
    try:
        return words(value)
    except ValueError:
        raise InvalidInput(f"{field}: {value!r} is not one of {', '.join(words)}") from None


def reading_of(action: str) -> Mapping[str, Any]:
    """Return what `action` reads to as JSON values, a refusal included."""
    try:
        return describe(read_action(action))
    except ParseFailure as failure:
        return {"reading": "refused", "reason": failure.message, "hint": failure.hint}


def target_of(
    reading: Mapping[str, Any],
    cluster: ClusterSettings | None = None,
    fleet: FleetSettings | ConfigurationError | None = None,
) -> dict[str, Any]:
    """Return the part of a reading that says on what it acts, with what the text leaves to `cluster` and `fleet`."""
    target = {name: reading[name] for name in TARGET_FIELDS if reading.get(name) is not None}
    kind = reading.get("kind")
    if cluster is not None and _on_cluster(reading):
        target["cluster"] = cluster.name
        target[CLUSTER] = cluster_identity(cluster)
        if kind is not None and api_kind(kind).namespaced:
            target.setdefault("namespace", cluster.default_namespace)
    host = reading.get("host")
    if isinstance(fleet, ConfigurationError) and host is not None:
        raise fleet
    if isinstance(fleet, FleetSettings) and host is not None and (keys := host_identity(fleet, host)) is not None:
        target[HOST] = keys
    return target


def parameters_of(reading: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a reading that says what is done; it is signed."""
    kept = {"reading": reading["reading"]}
    for name in ("operation", "parameters", "argv"):
        if reading.get(name) is not None:
            kept[name] = reading[name]
    return kept


def signed_content(approval: Approval) -> SignedContent:
    """Return what signatures of `approval` are computed over, from the record as it stands now."""
    return SignedContent(
        action=approval.action,
        target=approval.target or {},
        parameters=approval.parameters or {},
        risk_level=approval.risk_level,
        requested_by=approval.requested_by,
        expires_at=approval.expires_at,
        not_before=approval.not_before,
        start=approval.start,
        when_blocked=approval.when_blocked,
        required_signatures=approval.required_signatures,
        description=approval.description,
        blast_radius=approval.blast_radius,
        # One that was linked afterwards is nobody's signature's.
        incident=approval.incident_id if approval.incident_linked_by is None else None,
        playbook=approval.matched_playbook_id,
        metadata=approval.details,
    )
