"""`/v1/approvals`: file, look, see beforehand, sign, withdraw, start, wait."""

import asyncio
import base64
from contextlib import nullcontext
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from sqlmodel import Session

from countersign.errors import ChangedSince
from countersign.execution.approval_facts import approval_facts
from countersign.execution.decisions import record_signature
from countersign.execution.explanation import explain
from countersign.execution.filing import Request as FilingRequest
from countersign.execution.filing import file_at, signed_content
from countersign.execution.scope import scope_of
from countersign.execution.starting import require_startable
from countersign.execution.withdrawal import withdraw
from countersign.masking import masked_values
from countersign.policy.roles import Permission
from countersign.policy.signatures import Algorithm, Decision, SignatureValue, signed_bytes
from countersign.records.approval_list import Only, approval_rows
from countersign.records.approvals import Position, approvals_ending_in, signatures_of
from countersign.records.states import ApprovalStatus
from countersign.records.timeline import events_of
from countersign.web.acting import Acting, Caller
from countersign.web.api.approval_models import (
    ApprovalPageView,
    ApprovalSearch,
    ApprovalView,
    EventView,
    Execute,
    Filed,
    NewRequest,
    NewSignature,
    PreviewView,
    Reason,
    SigningView,
    Started,
)
from countersign.web.api.approval_views import approval_view, event_view, preview_view, row_view
from countersign.web.api.cursors import read_cursor, write_cursor
from countersign.web.api.reach import etag_of, reachable, reached, require_incident_in_reach
from countersign.web.api.responses import problems
from countersign.web.api.words import LARGEST, IfMatch
from countersign.web.still import still
from countersign.web.target_limits import asking_a_target, held_open
from countersign.worker.run_starter import start_by_hand

router = APIRouter(prefix="/approvals", tags=["approvals"])
ENDED = frozenset(ApprovalStatus) - {ApprovalStatus.PENDING, ApprovalStatus.APPROVED, ApprovalStatus.EXECUTING}
LONGEST_WAIT_SECONDS = 60.0


@router.post("", status_code=201, response_model=Filed, responses=problems(idempotent=True))
def file(body: NewRequest, acting: Caller) -> Response:
    """File a request to perform one action, and say what the action means."""
    acting.require(Permission.REQUEST, None)
    asked = FilingRequest(
        requested_by=acting.identity.name,
        risk_level=body.risk_level.value,
        start=body.start.value,
        when_blocked=body.when_blocked.value,
        **body.model_dump(exclude={"as_is", "risk_level", "start", "when_blocked"}),
    )

    def work(session: Session) -> Filed:
        permit = partial(acting.require, Permission.REQUEST)
        filed = file_at(session, acting.services, asked, as_is=body.as_is, permit=permit)
        require_incident_in_reach(session, acting, filed.approval.incident_id)
        return Filed(
            approval=approval_view(session, acting.services, filed.approval.id),
            reading=masked_values(dict(filed.reading)),
            selector=filed.selected.selector if filed.selected is not None else None,
            selected=list(filed.selected.names) if filed.selected is not None else None,
        )

    return acting.once(work, status=201, headers=lambda found: {"Location": f"/v1/approvals/{found.approval.id}"})


@router.get("", responses=problems())
def list_(
    acting: Caller,
    asked: Annotated[ApprovalSearch, Query()],
) -> ApprovalPageView:
    """List approvals, newest first; each page is chosen from the next 10,000.

    What the caller's roles do not reach is left out, so a page may be short.
    """
    acting.require(Permission.READ, None)
    only = Only(
        status=asked.status,
        outcome=asked.outcome,
        verdict=asked.verdict,
        requester=asked.requester,
        since=asked.since,
    )
    with acting.records() as session:
        found = approval_rows(session, only, before=read_cursor(asked.cursor), limit=asked.limit + 1)
        rows = found[: asked.limit]
        last = rows[-1].approval if len(found) > asked.limit else None
        return ApprovalPageView(
            items=[
                row_view(session, acting.services, row)
                for row in rows
                if acting.may(Permission.READ, scope_of(row.approval))
            ],
            next=write_cursor(Position(last.created_at, last.id)) if last is not None else None,
        )


@router.get("/ending-in/{end}", responses=problems())
def ending_in(
    end: Annotated[str, Path(pattern="^[0-9a-fA-F]{8}$", description="the last 8 characters of an id")],
    acting: Caller,
) -> list[UUID]:
    """Return the ids that end so, a few at most: lists and runs show no more of an id."""
    acting.require(Permission.READ, None)
    with acting.records() as session:
        found = approvals_ending_in(session, end.lower())
        return list(reached(session, acting, found, found))


@router.get("/{approval_id}", responses=problems(404))
async def show(
    approval_id: UUID,
    request: Request,
    response: Response,
    acting: Caller,
    wait: Annotated[
        float,
        Query(ge=0, le=LONGEST_WAIT_SECONDS, description="seconds to wait for its end before answering"),
    ] = 0,
) -> ApprovalView:
    """Return an approval as it stands; with `wait`, once it has ended or the time is over."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + wait
    changes = request.app.state.changes
    counted = held_open(request, acting) if wait else nullcontext()
    with counted, changes.watch(str(approval_id)) as changed:
        while True:
            found, etag = await asyncio.to_thread(_seen, acting, approval_id)
            left = give_up - loop.time()
            if found.status in ENDED or left <= 0 or await request.is_disconnected():
                response.headers["ETag"] = etag
                return found
            await changed.wait(min(left, 5.0))
            acting = await asyncio.to_thread(still, request, acting)


@router.get("/{approval_id}/signing", responses=problems(404))
def signing(
    approval_id: UUID,
    acting: Caller,
    decision: Literal["approve", "reject"] = "approve",
    signer: Annotated[str | None, Query(max_length=200, description="the caller unless said")] = None,
) -> SigningView:
    """Return everything that a signature binds, and the exact bytes to sign with one's own key."""
    with acting.records() as session:
        approval = reachable(session, acting, approval_id, Permission.DECIDE)
    content, name = signed_content(approval), signer or acting.identity.name
    message = signed_bytes(content, approval_id=approval.id, signer=name, decision=Decision(decision))
    return SigningView(
        approval_id=approval.id,
        signer=name,
        decision=decision,
        hash=content.hash,
        # Not masked: whoever signs can compute the hash from it.
        content=content.as_json(),
        message=base64.b64encode(message).decode("ascii"),
    )


@router.post(
    "/{approval_id}/signatures",
    status_code=201,
    response_model=ApprovalView,
    responses=problems(404, 412, idempotent=True),
)
def sign(approval_id: UUID, body: NewSignature, acting: Caller, if_match: IfMatch = None) -> Response:
    """Put a signature on record that was made elsewhere. The last one that is needed starts a `when_approved` one.

    The key says whose it is; whoever brings it is on the audit.
    """
    value = SignatureValue(Algorithm(body.algorithm), body.key_id, body.value)

    def work(session: Session) -> ApprovalView:
        approval = reachable(session, acting, approval_id, Permission.DECIDE, seen=if_match)
        if signed_content(approval).hash != body.hash:
            raise ChangedSince(
                f"Approval {approval_id} is not what was shown any more.", hint="look at it again before signing"
            )
        record_signature(
            session,
            acting.services,
            approval,
            signer=body.signer,
            value=value,
            decision=Decision(body.decision),
            comment=body.comment,
        )
        return approval_view(session, acting.services, approval_id)

    return acting.once(work, status=201)


@router.post("/{approval_id}/cancel", response_model=ApprovalView, responses=problems(404, 412, idempotent=True))
def cancel(approval_id: UUID, body: Reason, acting: Caller, if_match: IfMatch = None) -> Response:
    """Withdraw a request that nobody has started, as the one who made it."""

    def work(session: Session) -> ApprovalView:
        approval = reachable(session, acting, approval_id, Permission.REQUEST, seen=if_match)
        withdraw(session, approval, acting=acting.identity, reason=body.reason)
        return approval_view(session, acting.services, approval_id)

    return acting.once(work)


@router.post(
    "/{approval_id}/execute",
    status_code=202,
    response_model=Started,
    responses=problems(404, idempotent=True),
)
def execute(approval_id: UUID, body: Execute, acting: Caller) -> Response:
    """Start an approved action, or a dry run of it. What comes of it is the approval's outcome."""
    with acting.records() as session:
        approval = reachable(session, acting, approval_id, Permission.EXECUTE)
        require_startable(approval, dry_run=body.dry_run, confirmed=body.confirm)

    def work(_session: Session) -> Started:
        by = acting.identity.name
        run = start_by_hand(acting.engine, approval_id, dry_run=body.dry_run, by=by, key=acting.run_key)
        return Started(approval_id=approval_id, flow_run_id=run, dry_run=body.dry_run)

    return acting.once(work, status=202)


@router.get("/{approval_id}/preview", responses=problems(404))
def preview(approval_id: UUID, request: Request, acting: Caller) -> PreviewView:
    """Say what would be sent to what, what speaks against it, and whether it would run now; nothing is sent.

    The cluster is asked: objects are read, and the requests are tried as dry runs.
    """
    with acting.records() as session:
        approval = reachable(session, acting, approval_id, Permission.READ)
        given = [row.signer for row in signatures_of(session, approval_id)]
    with asking_a_target(request, acting):
        return preview_view(acting.services, approval, explain(acting.services, approval), given)


@router.get("/{approval_id}/record", responses=problems(404))
def record(approval_id: UUID, acting: Caller) -> dict[str, Any]:
    """Return everything that is on record about an approval, secrets masked, as `countersign approvals show` does."""
    with acting.records() as session:
        reachable(session, acting, approval_id, Permission.READ)
        found: dict[str, Any] = masked_values(approval_facts(session, approval_id))
        return found


@router.get("/{approval_id}/timeline", responses=problems(404))
def timeline(
    approval_id: UUID,
    acting: Caller,
    after: Annotated[int, Query(ge=0, le=LARGEST, description="the last `seq` that was seen")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[EventView]:
    """Return what happened to an approval, in order."""
    with acting.records() as session:
        reachable(session, acting, approval_id, Permission.READ)
        rows = events_of(session, approval_id=approval_id, after=after, limit=limit)
    return [event_view(row) for row in rows]


def _seen(acting: Acting, approval_id: UUID) -> tuple[ApprovalView, str]:
    with acting.records() as session:
        approval = reachable(session, acting, approval_id, Permission.READ)
        return approval_view(session, acting.services, approval_id), etag_of(approval)
