"""What of the records somebody's roles reach: the approval that everything belongs to says where it acts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from sqlmodel import Session

from countersign.errors import ChangedSince
from countersign.execution.attention import Need, NeedsAttention
from countersign.execution.filing import signed_content
from countersign.execution.scope import scope_of
from countersign.policy.access import EVERYTHING
from countersign.policy.roles import Permission
from countersign.records.approvals import approvals_with, get_approval
from countersign.records.queries import get_execution
from countersign.records.tables import Approval, Execution
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
