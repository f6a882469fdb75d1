"""Whether reconciliation has anything to do: one statement over the partial indexes, however much is finished.

It answers roughly: what it tells of may turn out not to be due, which costs a round that finds nothing. What it does
not tell of (incidents that were left open, runs that Prefect shows) is found by the round of the schedule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session

# The newest of each kind first: older ones have had their rounds.
WHAT_IS_DUE = text("""
    SELECT kind, id, since FROM (
        (SELECT 'abandoned' AS kind, id, lease_until AS since FROM execution
         WHERE settled_at IS NULL AND lease_until <= clock_timestamp() AND rolls_back IS NULL
         ORDER BY lease_until DESC LIMIT :limit)
        UNION ALL
        (SELECT 'abandoned_rollback', id, lease_until FROM execution
         WHERE settled_at IS NULL AND rolls_back IS NOT NULL
           AND lease_until <= clock_timestamp() - make_interval(secs => :rollback_seconds)
         ORDER BY lease_until DESC LIMIT :limit)
        UNION ALL
        (SELECT 'landed_late', id, settled_at FROM execution
         WHERE look_again_until IS NOT NULL ORDER BY look_again_until DESC LIMIT :limit)
        UNION ALL
        (SELECT 'expired', id, expires_at FROM approval
         WHERE status IN ('pending', 'approved') AND expires_at IS NOT NULL AND expires_at <= clock_timestamp()
         ORDER BY expires_at DESC LIMIT :limit)
        UNION ALL
        (SELECT 'never_started', id, greatest(updated_at, waiting_until, not_before) FROM approval
         WHERE status = 'approved' AND (expires_at IS NULL OR expires_at > clock_timestamp())
           AND (not_before IS NULL OR not_before <= clock_timestamp())
           AND CASE WHEN tries > 0 AND waiting_until IS NOT NULL THEN waiting_until <= clock_timestamp()
                    WHEN waiting_until IS NOT NULL
                    THEN waiting_until < clock_timestamp() - make_interval(secs => :start_seconds)
                    ELSE start = 'when_approved'
                     AND updated_at < clock_timestamp() - make_interval(secs => :start_seconds) END
         ORDER BY updated_at DESC LIMIT :limit)
        UNION ALL
        (SELECT 'open_step', id, due_at FROM ledger_step
         WHERE status IN ('pending', 'running') AND due_at <= clock_timestamp()
           - make_interval(secs => CASE status WHEN 'running' THEN :lost_seconds ELSE :step_seconds END)
         ORDER BY due_at DESC LIMIT :limit)
        UNION ALL
        (SELECT 'dead_letter', id, next_replay_at FROM dead_letter
         WHERE resolved_at IS NULL AND next_replay_at <= clock_timestamp() ORDER BY next_replay_at DESC LIMIT :limit)
        UNION ALL
        (SELECT 'open_log', log.execution_id, execution.settled_at
         FROM automation_operation_log AS log JOIN execution ON execution.id = log.execution_id
         WHERE log.status = 'pending' AND execution.settled_at IS NOT NULL ORDER BY log.opened_at DESC LIMIT :limit)
        UNION ALL
        (SELECT 'unfinalised', execution_id, due_at FROM auto_repair
         WHERE status = 'pending' AND incident_id IS NOT NULL AND due_at <= clock_timestamp()
         ORDER BY due_at DESC LIMIT :limit)
    ) AS due
""")


@dataclass(frozen=True)
class Due:
    """Something that a round of reconciliation may be needed for."""

    kind: str
    """The part of the round, as far as one can tell."""
    subject: str
    since: datetime


def what_is_due(
    session: Session,
    *,
    start_seconds: float,
    step_seconds: float,
    lost_seconds: float,
    rollback_seconds: float,
    limit: int = 50,
) -> Sequence[Due]:
    """Return what is due, at most `limit` of a kind.

    An approval is due after `start_seconds`, a step that nobody has begun after `step_seconds`, one whose lease is
    over after `lost_seconds`, a rollback after `rollback_seconds`.
    """
    asked = {
        "start_seconds": start_seconds,
        "step_seconds": step_seconds,
        "lost_seconds": lost_seconds,
        "rollback_seconds": rollback_seconds,
        "limit": limit,
    }
    return [Due(row.kind, str(row.id), row.since) for row in session.execute(WHAT_IS_DUE, asked)]
