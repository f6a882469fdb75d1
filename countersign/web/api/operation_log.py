"""`/v1/operation-log`: one machine-readable row per execution."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from countersign.masking import masked, masked_values
from countersign.policy.roles import Permission
from countersign.records.operation_log import list_logs
from countersign.records.states import LogStatus
from countersign.records.tables import OperationLog
from countersign.web.acting import Caller
from countersign.web.api.cursors import read_cursor, write_cursor
from countersign.web.api.reach import reached
from countersign.web.api.responses import problems
from countersign.web.api.words import Cursor, Limit

router = APIRouter(prefix="/operation-log", tags=["operation log"])


class LogView(BaseModel):
    """What an execution came to. Secrets are masked."""

    id: UUID
    execution_id: UUID
    approval_id: UUID
    incident_id: str | None
    operation_type: str
    actor: str
    status: LogStatus
    target: str | None
    namespace: str | None
    input: dict[str, Any]
    output: dict[str, Any]
    error: str | None
    stderr_feed_back: str | None
    tags: list[str]
    attempts: int
    duration_ms: int | None
    opened_at: datetime
    closed_at: datetime | None


class LogPageView(BaseModel):
    """Rows, newest first."""

    items: list[LogView]
    next: str | None = Field(description="cursor of the next page; null at the end")


@router.get("", responses=problems())
def list_(acting: Caller, status: LogStatus | None = None, cursor: Cursor = None, limit: Limit = 50) -> LogPageView:
    """List rows, newest first. What the caller's roles do not reach is left out, so a page may be short."""
    acting.require(Permission.READ, None)
    with acting.records() as session:
        page = list_logs(session, status=status, before=read_cursor(cursor), limit=limit)
        seen = reached(session, acting, page.items, [row.approval_id for row in page.items])
        return LogPageView(
            items=[_view(row) for row in seen],
            next=write_cursor(page.next) if page.next is not None else None,
        )


def _view(row: OperationLog) -> LogView:
    return LogView(
        id=row.id,
        execution_id=row.execution_id,
        approval_id=row.approval_id,
        incident_id=row.incident_id,
        operation_type=row.operation_type,
        actor=row.actor,
        status=row.status,
        target=row.target,
        namespace=row.namespace,
        input=masked_values(row.input),
        output=masked_values(row.output),
        error=row.error and masked(row.error),
        stderr_feed_back=row.stderr_feed_back and masked(row.stderr_feed_back),
        tags=row.tags,
        attempts=row.attempts,
        duration_ms=row.duration_ms,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
    )
