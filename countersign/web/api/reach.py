"""What of the records somebody's roles reach: the approval that everything belongs to says where it acts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from sqlmodel import Session

from countersign.errors import ChangedSince
from countersign.execution.attention import Need, NeedsAttention
from countersign.execution.filing import signed_content
from countersign.execution.scope import scope_of, scope_of_signals
from countersign.policy.access import EVERYTHING, Scope
from countersign.policy.roles import Permission
from countersign.records.approvals import approvals_with, get_approval
from countersign.records.auto_repairs import repairs_of
from countersign.records.incidents import find_incident
from countersign.records.queries import approvals_of, get_execution
from countersign.records.tables import Approval, AutoRepair, Execution, TimelineEvent
from countersign.records.timeline import events_of
from countersign.web.acting import Acting

T = TypeVar("T")


def reachable(
    session: Session, acting: Acting, approval_id: UUID, permission: Permission, *, seen: str | None = None
) -> Approval:
    """Return the approval, if they may do this about it and it is what they have `seen`.

    Raises NotFound, Forbidden, ChangedSince.
    """
    # Who may do this nowhere does not learn which approvals there are.
    acting.require(permission, None)
    approval = get_approval(session, approval_id)
    acting.require(permission, scope_of(approval))
    if seen is not None and seen not in ("*", etag_of(approval)):
        raise ChangedSince(f"Approval {approval_id} has changed since it was read.", hint="read it again")
    return approval


def reachable_execution(session: Session, acting: Acting, execution_id: UUID, permission: Permission) -> Execution:
    """Return the execution, if they may do this about its approval. Raises NotFound, Forbidden."""
    acting.require(permission, None)
    execution = get_execution(session, execution_id)
    acting.require(permission, scope_of(get_approval(session, execution.approval_id)))
    return execution


def reached(session: Session, acting: Acting, rows: Sequence[T], approval_ids: Iterable[UUID | None]) -> Sequence[T]:
    """Return those of `rows` that they may see; `approval_ids` says whose each is, None for nobody's."""
    named = list(approval_ids)
    known = approvals_with(session, {each for each in named if each is not None})
    may_see = {each: acting.may(Permission.READ, scope_of(approval)) for each, approval in known.items()}
    return [row for row, each in zip(rows, named, strict=True) if each is None or may_see.get(each, False)]


def require_incident_in_reach(session: Session, acting: Acting, incident_id: str | None) -> None:
    """Raise Forbidden where they may not read the incident that they name; one that is not there yet may be named."""
    incident = find_incident(session, incident_id)
    if incident is not None:
        acting.require(Permission.READ, scope_of_signals(incident.signals))


def events_reached(session: Session, acting: Acting, incident_id: str) -> Sequence[TimelineEvent]:
    """Return what the incident's timeline tells of itself and of approvals that they may see."""
    events = events_of(session, incident_id=incident_id)
    return reached(session, acting, events, [each.approval_id for each in events])


def repairs_reached(session: Session, acting: Acting, incident_id: str) -> Sequence[AutoRepair]:
    """Return the incident's repairs by approvals that they may see."""
    repairs = repairs_of(session, incident_id)
    whose = approvals_of(session, {each.execution_id for each in repairs})
    return reached(session, acting, repairs, [whose[each.execution_id] for each in repairs])


def needs_in_reach(
    acting: Acting, needs: Iterable[NeedsAttention], known: Mapping[UUID, Approval]
) -> list[NeedsAttention]:
    """Return what of that which needs a person they may see; `known` has the approvals that it is about."""
    everywhere = acting.may(Permission.READ, EVERYTHING)
    may_see = {each for each, approval in known.items() if acting.may(Permission.READ, scope_of(approval))}
    return [
        each
        for each in needs
        if (
            each.approval_id in may_see
            if each.approval_id is not None
            else each.need is not Need.POLICY or everywhere
        )
    ]


def etag_of(approval: Approval) -> str:
    """Return the name of the approval's present state: what is signed, and when it last moved on."""
    moved = int(approval.updated_at.timestamp() * 1_000_000)
    return f'"{signed_content(approval).hash[:16]}-{moved}"'


def chain_scopes(session: Session, chains: set[str]) -> dict[str, Scope]:
    """Return where each chain acts: an approval's where that does; what is about none everywhere."""
    ids = {chain: found for chain in chains if (found := approval_in(chain)) is not None}
    known = approvals_with(session, set(ids.values()))
    return {chain: scope_of(known[ids[chain]]) if ids.get(chain) in known else EVERYTHING for chain in chains}


def approval_in(chain: str) -> UUID | None:
    """Return the approval that a chain of the audit is of, None for a chain of another kind."""
    try:
        return UUID(chain)
    except ValueError:
        return None
