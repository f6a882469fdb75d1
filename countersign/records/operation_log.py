"""The operation log: one machine-readable row per execution, opened as pending, closed once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text, tuple_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session, col, select

from countersign.records.approvals import LARGEST_PAGE, Position
from countersign.records.database.identifiers import new_id
from countersign.records.database.storable import ERROR_LIMIT, STDERR_LIMIT, clean, clipped, told_json
from countersign.records.outcomes import Outcome, log_status_after
from countersign.records.states import LogStatus
from countersign.records.tables import OperationLog

UNPARSED = "unparsed"
"""operation_type until the action was read."""

# Open the row; a second owner finds it open.
OPEN = text("""
    INSERT INTO automation_operation_log (id, execution_id, approval_id, incident_id, operation_type, actor, status,
                                          input, attempts, opened_at)
    SELECT :id, execution.id, approval.id, approval.incident_id, :operation_type, :actor, 'pending', :input, 0,
           clock_timestamp()
    FROM execution JOIN approval ON approval.id = execution.approval_id
    WHERE execution.id = :execution_id AND execution.settled_at IS NULL
    ON CONFLICT (execution_id) DO NOTHING
""").bindparams(bindparam("input", type_=JSONB))

# Close the row, or write it closed where opening it had failed.
CLOSE = text("""
    INSERT INTO automation_operation_log AS log
        (id, execution_id, approval_id, incident_id, operation_type, actor, status, target, namespace, input, output,
         error, stderr_feed_back, tags, attempts, duration_ms, opened_at, closed_at)
    SELECT :id, execution.id, approval.id, approval.incident_id, :operation_type, :actor, :status, :target,
           :namespace, jsonb_build_object('action', approval.action, 'risk_level', approval.risk_level,
                                          'requested_by', approval.requested_by),
           :output, :error, :stderr, :tags, :attempts,
           round(extract(epoch FROM execution.settled_at - execution.started_at) * 1000), execution.started_at,
           execution.settled_at
    FROM execution JOIN approval ON approval.id = execution.approval_id
    WHERE execution.id = :execution_id AND execution.settled_at IS NOT NULL
    ON CONFLICT (execution_id) DO UPDATE SET
        operation_type = CASE WHEN excluded.operation_type = 'unparsed' THEN log.operation_type
                              ELSE excluded.operation_type END,
        status = excluded.status, target = excluded.target, namespace = excluded.namespace, output = excluded.output,
        error = excluded.error, stderr_feed_back = excluded.stderr_feed_back, tags = excluded.tags,
        attempts = excluded.attempts, duration_ms = excluded.duration_ms, closed_at = excluded.closed_at
    WHERE log.status = 'pending'
""").bindparams(bindparam("output", type_=JSONB))

# Rows that are still open although their execution has its outcome.
OPEN_BUT_SETTLED = text("""
    SELECT execution.id, execution.outcome, execution.dry_run, execution.rolls_back, execution.error,
           execution.stderr, log.operation_type, log.actor
    FROM automation_operation_log AS log JOIN execution ON execution.id = log.execution_id
    WHERE log.status = 'pending' AND execution.settled_at IS NOT NULL
    ORDER BY log.opened_at LIMIT :limit
    FOR UPDATE OF log SKIP LOCKED
""")


@dataclass(frozen=True, kw_only=True)
class LogFacts:
    """What the closed row says about the operation."""

    operation_type: str = UNPARSED
    """The verb, the host tool, "investigation" or "observation"."""
    target: str | None = None
    namespace: str | None = None
    attempts: int = 0
    """How often it was tried, in whatever phase."""
    output: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()


@dataclass(frozen=True)
class LogPage:
    """Rows, newest first, and where to go on (None at the end)."""

    items: Sequence[OperationLog]
    next: Position | None


def open_log(
    session: Session,
    execution_id: UUID,
    *,
    actor: str,
    operation_type: str = UNPARSED,
    input: Mapping[str, Any] | None = None,
) -> None:
    """Open the execution's row as pending, unless it has one. Do it in a transaction of its own.

    A log that cannot be opened must not stop an execution: settling writes the row that is missing.
    """
    session.execute(
        OPEN,
        {
            "id": new_id(),
            "execution_id": execution_id,
            "operation_type": operation_type,
            "actor": clean(actor),
            "input": told_json(input or {}),
        },
    )


def close_log(
    session: Session,
    execution_id: UUID,
    *,
    outcome: Outcome,
    dry_run: bool,
    actor: str,
    error: str | None,
    stderr: str | None,
    facts: LogFacts,
    rollback: bool = False,
) -> None:
    """Close the row of a settled execution, or write it closed. A row that is closed stays as it is."""
    session.execute(
        CLOSE,
        {
            "id": new_id(),
            "execution_id": execution_id,
            "operation_type": facts.operation_type,
            "actor": clean(actor),
            "status": log_status_after(outcome, dry_run=dry_run, rollback=rollback).value,
            "target": facts.target,
            "namespace": facts.namespace,
            "output": told_json(facts.output),
            "error": clipped(error, ERROR_LIMIT),
            "stderr": clipped(stderr, STDERR_LIMIT),
            "tags": [clean(tag) for tag in facts.tags],
            "attempts": facts.attempts,
        },
    )


def close_settled(session: Session, *, limit: int = 100) -> Sequence[UUID]:
    """Close rows whose execution has its outcome already; return the executions."""
    rows = session.execute(OPEN_BUT_SETTLED, {"limit": limit}).all()
    for row in rows:
        close_log(
            session,
            row.id,
            outcome=Outcome(row.outcome),
            dry_run=row.dry_run,
            actor=row.actor,
            error=row.error,
            stderr=row.stderr,
            facts=LogFacts(operation_type=row.operation_type, tags=("repaired",)),
            rollback=row.rolls_back is not None,
        )
    return [row.id for row in rows]


def log_of(session: Session, execution_id: UUID) -> OperationLog | None:
    """Return the execution's row."""
    return session.exec(select(OperationLog).where(col(OperationLog.execution_id) == execution_id)).one_or_none()


def list_logs(
    session: Session, *, status: LogStatus | None = None, before: Position | None = None, limit: int = 50
) -> LogPage:
    """Return one page of rows, newest first, at most 500."""
    size = max(1, min(limit, LARGEST_PAGE))
    query = select(OperationLog)
    if status is not None:
        query = query.where(col(OperationLog.status) == status)
    if before is not None:
        # The first condition is a range of ix_automation_operation_log_opened_at.
        query = query.where(
            col(OperationLog.opened_at) <= before.created_at,
            tuple_(col(OperationLog.opened_at), col(OperationLog.id)) < (before.created_at, before.id),
        )
    query = query.order_by(col(OperationLog.opened_at).desc(), col(OperationLog.id).desc()).limit(size + 1)
    found = session.exec(query).all()
    items = found[:size]
    more = len(found) > size
    return LogPage(items, Position(items[-1].opened_at, items[-1].id) if more else None)


def open_logs(session: Session, *, limit: int = 100) -> Sequence[OperationLog]:
    """Return rows that are still pending, oldest first."""
    query = select(OperationLog).where(text("status = 'pending'")).order_by(col(OperationLog.opened_at))
    return session.exec(query.limit(limit)).all()
