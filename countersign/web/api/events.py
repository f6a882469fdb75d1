"""`/v1/approvals/{id}/events`: an approval's life as server-sent events, until nothing more comes.

Each event of the timeline has its `seq` as id, so that a client which lost the connection goes on after the last one
that it has seen (`Last-Event-ID`). A stream lasts no longer than ten minutes, and ends where its reader's token or
role does.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from starlette.responses import StreamingResponse

from countersign.errors import Forbidden, Unauthenticated
from countersign.policy.roles import Permission
from countersign.records.ledger import steps_of
from countersign.records.queries import executions_of
from countersign.records.states import StepStatus
from countersign.records.timeline import events_of
from countersign.web.acting import Acting, Caller
from countersign.web.api.approval_models import ApprovalView, EventView
from countersign.web.api.approval_views import approval_view, event_view
from countersign.web.api.approvals import ENDED
from countersign.web.api.reach import reachable
from countersign.web.api.responses import problems
from countersign.web.still import still
from countersign.web.target_limits import OpenStream

router = APIRouter(prefix="/approvals", tags=["approvals"])
HEARTBEAT_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 5.0
LONGEST_SECONDS: Final = 600.0
AT_A_TIME: Final = 100
MEDIA_TYPE: Final = "text/event-stream"
_OPEN: Final = frozenset({StepStatus.PENDING, StepStatus.RUNNING})


@dataclass(frozen=True)
class Look:
    """What is there since the last look."""

    events: tuple[EventView, ...]
    approval: ApprovalView
    over: bool
    """The approval has ended and what follows it is done, so that nothing more comes."""


@router.get(
    "/{approval_id}/events",
    response_class=StreamingResponse,
    responses={
        **problems(404),
        200: {
            "description": "events `timeline` and `status`, and `end` at the end; comments keep the connection alive",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
        },
        204: {"description": "Everything was told; do not connect again."},
    },
)
async def events(
    approval_id: UUID,
    request: Request,
    acting: Caller,
    last_event_id: Annotated[
        str | None, Header(pattern=r"^\d{1,18}$", description="the id of the last event that was seen")
    ] = None,
) -> Response:
    """Tell what happens to an approval while it happens."""
    after = int(last_event_id or 0)
    first = await asyncio.to_thread(_look, acting, approval_id, after)
    if last_event_id is not None and first.over and not first.events:
        return Response(status_code=204)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    told = _told(request, acting, approval_id, first, after)
    return OpenStream(request, acting, told, media_type=MEDIA_TYPE, headers=headers)


async def _told(request: Request, acting: Acting, approval_id: UUID, found: Look, after: int) -> AsyncIterator[str]:
    """Yield what is found after `after`, then what is found whenever something has changed."""
    clock = asyncio.get_running_loop().time
    give_up, said_at, shown = clock() + LONGEST_SECONDS, clock(), ""
    with request.app.state.changes.watch(str(approval_id)) as changed:
        while True:
            for event in found.events:
                after = event.seq
                yield f"id: {after}\nevent: timeline\ndata: {event.model_dump_json()}\n\n"
            now = found.approval.model_dump_json()
            if now != shown:
                shown = now
                yield f"event: status\ndata: {now}\n\n"
            if found.over:
                yield "event: end\ndata: {}\n\n"
                return
            if found.events:
                said_at = clock()
            elif clock() - said_at >= HEARTBEAT_SECONDS:
                said_at = clock()
                yield ": still here\n\n"
            if clock() >= give_up or await request.is_disconnected():
                return
            await changed.wait(LOOK_SECONDS)
            try:
                acting = await asyncio.to_thread(still, request, acting)
                found = await asyncio.to_thread(_look, acting, approval_id, after)
            except (Unauthenticated, Forbidden):
                return


def _look(acting: Acting, approval_id: UUID, after: int) -> Look:
    with acting.records() as session:
        reachable(session, acting, approval_id, Permission.READ)
        rows = events_of(session, approval_id=approval_id, after=after, limit=AT_A_TIME)
        approval = approval_view(session, acting.services, approval_id)
        open_steps = any(
            step.status in _OPEN
            for execution in executions_of(session, approval_id)
            for step in steps_of(session, execution.id)
        )
    over = approval.status in ENDED and not open_steps and len(rows) < AT_A_TIME
    return Look(tuple(event_view(row) for row in rows), approval, over)
