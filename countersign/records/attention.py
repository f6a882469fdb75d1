"""What is on record that goes on only if a person does something. Every question is bounded: it reads by an index of
what is open, or of what was found in the last day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlmodel import Session

from countersign.records.ledger import BEFORE_IT_OPEN

SILENT_SECONDS = 120
"""How long a lease, a step or a start is overdue before reconciliation, which runs every minute, has not dealt
with it.
"""


class Need(StrEnum):
    """Why a person is needed, the most urgent first."""

    KILL_SWITCH = "kill_switch"
    BREAK_GLASS = "break_glass"
    UNKNOWN = "unknown"
    WORSE = "worse"
    SILENT = "silent"
    NOT_STARTED = "not_started"
    DEAD_LETTER = "dead_letter"
    OVERDUE_STEPS = "overdue_steps"
    BLOCKED = "blocked"
    WAITING = "waiting"
    BY_HAND = "by_hand"
    SIGNATURES = "signatures"
    POLICY = "policy"


@dataclass(frozen=True)
class Needed:
    """One record that needs a person, as it stands there: nothing is masked."""

    subject: str
    """The approval, execution, letter or version."""
    approval_id: UUID | None
    since: datetime
    action: str
    why: str
    given: int | None = None
    needed: int | None = None
    is_rollback: bool = False


# The switch, while it is on.
KILL_SWITCH = text("""
    SELECT name AS subject, CAST(NULL AS uuid) AS approval_id, changed_at AS since, '' AS action, reason AS why
    FROM control WHERE name = 'kill_switch' AND is_on LIMIT :limit
""")

# Limits that two people have lifted, or that one of them is about to (ix_break_glass_not_ended). Why is a line each:
# seconds left, who has begun it, who has confirmed it, and the reason.
BREAK_GLASS = text("""
    SELECT id AS subject, CAST(NULL AS uuid) AS approval_id, begun_at AS since,
           cluster || '/' || coalesce(namespace, '*') || ': ' || array_to_string(lifts, ', ') AS action,
           concat_ws(E'\n', extract(epoch FROM coalesce(ends_at, confirm_until) - clock_timestamp())::bigint::text,
                     begun_by, coalesce(confirmed_by, ''), reason) AS why,
           CASE WHEN confirmed_at IS NULL THEN 1 ELSE 2 END AS given, 2 AS needed
    FROM break_glass
    WHERE ended_at IS NULL AND coalesce(ends_at, confirm_until) > clock_timestamp()
    ORDER BY begun_at LIMIT :limit
""")

# Nobody can tell whether they took effect (ix_execution_unknown_settled_at).
UNKNOWN = text("""
    SELECT execution.id AS subject, approval.id AS approval_id, settled_at AS since, action,
           coalesce(error, '') AS why, rolls_back IS NOT NULL AS is_rollback
    FROM execution JOIN approval ON approval.id = approval_id
    WHERE outcome = 'unknown' ORDER BY settled_at LIMIT :limit
""")

# Made worse in the last day, and nothing took it back or is about to (ix_evidence_snapshot_worse_taken_at).
WORSE = text("""
    SELECT mine.id AS subject, approval.id AS approval_id, mine.settled_at AS since, action,
           coalesce(back.error, '') AS why
    FROM evidence_snapshot AS evidence
    JOIN execution AS mine ON mine.id = evidence.execution_id AND NOT mine.dry_run AND mine.rolls_back IS NULL
    JOIN approval ON approval.id = mine.approval_id
    LEFT JOIN execution AS back ON back.rolls_back = mine.id
    WHERE evidence.verdict = 'worse' AND evidence.phase = 'after'
      AND evidence.taken_at > clock_timestamp() - interval '1 day'
      AND mine.outcome <> 'unknown' AND coalesce(back.outcome NOT IN ('success', 'unknown'), back.id IS NULL)
      AND NOT EXISTS (
        SELECT FROM ledger_step AS step
        WHERE step.execution_id = mine.id AND step.name = 'roll_back' AND step.status IN ('pending', 'running')
      )
    ORDER BY evidence.taken_at LIMIT :limit
""")

# Refused before anything was sent, in the last day: it ends there, and is filed again or not
# (ix_execution_blocked_settled_at).
BLOCKED = text("""
    SELECT execution.id AS subject, approval.id AS approval_id, settled_at AS since, action,
           coalesce(error, approval.rejection_reason, '') AS why
    FROM execution JOIN approval ON approval.id = approval_id
    WHERE outcome = 'blocked' AND NOT dry_run AND rolls_back IS NULL
      AND settled_at > clock_timestamp() - interval '1 day'
    ORDER BY settled_at LIMIT :limit
""")

# The owner is silent, and nobody has taken over (ix_execution_unsettled_lease_until).
SILENT = text("""
    SELECT execution.id AS subject, approval.id AS approval_id, lease_until AS since, action, worker AS why,
           rolls_back IS NOT NULL AS is_rollback
    FROM execution JOIN approval ON approval.id = approval_id
    WHERE settled_at IS NULL AND lease_until <= clock_timestamp() - make_interval(secs => :silent)
    ORDER BY lease_until LIMIT :limit
""")

# Open approvals whose time is not over.
_CURRENT = "(expires_at IS NULL OR expires_at > clock_timestamp())"

# Due, and nobody has started them (ix_approval_waiting_updated_at). While the switch is on nothing may be claimed.
NOT_STARTED = text(f"""
    SELECT id AS subject, id AS approval_id, greatest(updated_at, waiting_until, not_before) AS since, action,
           coalesce(waiting_reason, '') AS why
    FROM approval
    WHERE status = 'approved' AND {_CURRENT} AND (start = 'when_approved' OR waiting_until IS NOT NULL)
      AND greatest(updated_at, waiting_until, not_before) <= clock_timestamp() - make_interval(secs => :silent)
      AND NOT EXISTS (SELECT FROM control WHERE name = 'kill_switch' AND is_on)
    ORDER BY updated_at LIMIT :limit
""")  # noqa: S608 - a constant of this module

# Put off, and tried again at their time (ix_approval_waiting_updated_at).
WAITING = text(f"""
    SELECT id AS subject, id AS approval_id, updated_at AS since, action, waiting_reason AS why
    FROM approval
    WHERE status = 'approved' AND {_CURRENT}
      AND tries > 0 AND waiting_until > clock_timestamp() - make_interval(secs => :silent)
    ORDER BY updated_at LIMIT :limit
""")  # noqa: S608 - a constant of this module

# Approved, and a person is to start them (ix_approval_waiting_updated_at).
BY_HAND = text(f"""
    SELECT id AS subject, id AS approval_id, greatest(updated_at, not_before) AS since, action, '' AS why
    FROM approval
    WHERE status = 'approved' AND {_CURRENT} AND start = 'by_hand' AND waiting_until IS NULL
      AND (not_before IS NULL OR not_before <= clock_timestamp())
    ORDER BY updated_at LIMIT :limit
""")  # noqa: S608 - a constant of this module

# Letters that nothing replays any more (ix_dead_letter_open_next_at).
DEAD_LETTER = text("""
    SELECT letter.id AS subject, approval.id AS approval_id, letter.created_at AS since, action,
           letter.name || chr(10) || letter.error AS why
    FROM dead_letter AS letter
    JOIN execution ON execution.id = letter.execution_id JOIN approval ON approval.id = execution.approval_id
    WHERE letter.resolved_at IS NULL AND letter.next_replay_at IS NULL
    ORDER BY letter.created_at LIMIT :limit
""")

# Steps that are due and nobody runs (ix_ledger_step_open_due_at); those of one execution once.
OVERDUE_STEPS = text(f"""
    SELECT execution.id AS subject, approval.id AS approval_id, min(overdue.due_at) AS since, action,
           string_agg(overdue.name, chr(10) ORDER BY overdue.position) AS why
    FROM (
        SELECT execution_id, name, position, due_at FROM ledger_step AS step
        WHERE status IN ('pending', 'running') AND due_at <= clock_timestamp() - make_interval(secs => :silent)
          AND NOT {BEFORE_IT_OPEN}
        ORDER BY due_at LIMIT :limit
    ) AS overdue
    JOIN execution ON execution.id = overdue.execution_id JOIN approval ON approval.id = execution.approval_id
    GROUP BY execution.id, approval.id, action ORDER BY since LIMIT :limit
""")  # noqa: S608 - a constant of another module

# Requests that lack signatures, the newest first: nobody signs what has been forgotten for weeks
# (ix_approval_status_created_at_id).
SIGNATURES = text(f"""
    SELECT id AS subject, id AS approval_id, created_at AS since, action, requested_by AS why,
           required_signatures AS needed,
           (SELECT count(*) FROM signature WHERE approval_id = approval.id AND decision = 'approve' AND form = :form)
             AS given
    FROM approval WHERE status = 'pending' AND {_CURRENT} ORDER BY created_at DESC LIMIT :limit
""")  # noqa: S608 - a constant of this module

# Versions after the one in force.
POLICY = text("""
    SELECT number AS subject, CAST(NULL AS uuid) AS approval_id, proposed_at AS since, '' AS action, reason AS why,
           (SELECT count(DISTINCT administrator) FROM policy_signature WHERE number = policy_version.number) AS given
    FROM policy_version
    WHERE number > coalesce((SELECT max(number) FROM policy_version WHERE activated_at IS NOT NULL), 0)
    ORDER BY number DESC LIMIT :limit
""")

STATEMENTS: Mapping[Need, TextClause] = {
    Need.KILL_SWITCH: KILL_SWITCH,
    Need.BREAK_GLASS: BREAK_GLASS,
    Need.UNKNOWN: UNKNOWN,
    Need.WORSE: WORSE,
    Need.SILENT: SILENT,
    Need.NOT_STARTED: NOT_STARTED,
    Need.DEAD_LETTER: DEAD_LETTER,
    Need.OVERDUE_STEPS: OVERDUE_STEPS,
    Need.BLOCKED: BLOCKED,
    Need.WAITING: WAITING,
    Need.BY_HAND: BY_HAND,
    Need.SIGNATURES: SIGNATURES,
    Need.POLICY: POLICY,
}


def needed(session: Session, need: Need, *, form: int, limit: int) -> Sequence[Needed]:
    """Return at most `limit` records that need a person for this reason; signatures of another form do not count."""
    statement = STATEMENTS[need]
    known = {"limit": limit, "silent": SILENT_SECONDS, "form": form}
    asked = {name: value for name, value in known.items() if name in statement.compile().params}
    return [Needed(**{**row, "subject": str(row["subject"])}) for row in session.execute(statement, asked).mappings()]
