"""What the records say about themselves, for metrics: one statement for each number or two, each bounded.

Every count stops at a limit, and every statement reads an index of what is open; none reads finished records.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from sqlalchemy import TextClause, text
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from countersign.errors import TookTooLong
from countersign.metrics import records as metric
from countersign.metrics.family import Read
from countersign.records.attention import SILENT_SECONDS
from countersign.records.ledger import BEFORE_IT_OPEN

MOST: Final = 10_000
LONGEST_SECONDS: Final = 4
"""For all of them; Prometheus waits for 10 by default."""
Values = dict[tuple[str, ...], float]
"""By the values of a metric's labels."""
Measures = Mapping[Read, Values]

# Whoever waits for numbers waits no longer than this for the slowest of them.
PATIENCE = text(f"SET LOCAL statement_timeout = '{LONGEST_SECONDS}s'")

# Open approvals by status (ix_approval_status_created_at_id).
APPROVALS = text("""
    SELECT 'pending' AS label, count(*) AS value
    FROM (SELECT FROM approval WHERE status = 'pending' LIMIT :most) AS counted
    UNION ALL
    SELECT 'approved', count(*) FROM (SELECT FROM approval WHERE status = 'approved' LIMIT :most) AS counted
    UNION ALL
    SELECT 'executing', count(*) FROM (SELECT FROM approval WHERE status = 'executing' LIMIT :most) AS counted
""")

# The oldest that lacks signatures (ix_approval_status_created_at_id, read from its end).
OLDEST_PENDING = text("""
    SELECT extract(epoch FROM clock_timestamp() - created_at) AS value
    FROM approval WHERE status = 'pending' ORDER BY created_at, id LIMIT 1
""")

# What is due and nobody has claimed (ix_approval_waiting_updated_at).
DUE = text("""
    SELECT count(*) AS value, extract(epoch FROM clock_timestamp() - min(since)) AS oldest
    FROM (
        SELECT start, waiting_until, expires_at, greatest(updated_at, waiting_until, not_before) AS since
        FROM approval WHERE status = 'approved' ORDER BY updated_at LIMIT :most
    ) AS approved
    WHERE (start = 'when_approved' OR waiting_until IS NOT NULL) AND since <= clock_timestamp()
      AND (expires_at IS NULL OR expires_at > clock_timestamp())
""")

# Whose owner is silent (ix_execution_unsettled_lease_until).
SILENT = text("""
    SELECT count(*) AS value FROM (
        SELECT FROM execution
        WHERE settled_at IS NULL AND lease_until <= clock_timestamp() - make_interval(secs => :silent) LIMIT :most
    ) AS counted
""")

# Of which nobody can tell (ix_execution_unknown_settled_at).
UNKNOWN = text("""
    SELECT count(*) AS value FROM (SELECT FROM execution WHERE outcome = 'unknown' LIMIT :most) AS counted
""")

# Steps that may begin (ix_ledger_step_open_due_at); what waits for an earlier step is not among them.
STEPS_DUE = text(f"""
    SELECT count(*) AS value, extract(epoch FROM clock_timestamp() - min(due_at)) AS oldest
    FROM (
        SELECT execution_id, after, due_at FROM ledger_step
        WHERE status IN ('pending', 'running') AND due_at <= clock_timestamp() ORDER BY due_at LIMIT :most
    ) AS step
    WHERE NOT {BEFORE_IT_OPEN}
""")  # noqa: S608 - a condition of our own

# Open letters (ix_dead_letter_open_next_at).
DEAD_LETTERS = text("""
    SELECT count(next_replay_at) AS by_itself, count(*) - count(next_replay_at) AS by_hand
    FROM (SELECT next_replay_at FROM dead_letter WHERE resolved_at IS NULL LIMIT :most) AS open
""")

# Rows behind the newest head; up to its `settled` all are sealed.
UNSEALED = text("""
    SELECT count(*) AS value, extract(epoch FROM clock_timestamp() - min(at)) AS oldest
    FROM (
        SELECT at FROM audit_event AS event
        WHERE event.id > coalesce((SELECT settled FROM audit_checkpoint ORDER BY size DESC LIMIT 1), 0)
          AND NOT EXISTS (SELECT FROM audit_leaf WHERE event_id = event.id)
        ORDER BY event.id LIMIT :most
    ) AS unsealed
""")

# Webhooks, of which there are a hundred at most, and the first sealed row that each was not told of.
WEBHOOKS = text("""
    SELECT count(*) AS value, extract(epoch FROM clock_timestamp() - min(event.at)) AS oldest
    FROM webhook JOIN audit_leaf AS leaf ON leaf.leaf_index = webhook.position
    JOIN audit_event AS event ON event.id = leaf.event_id
    WHERE webhook.enabled AND webhook.ended_at IS NULL
""")

# Incidents that go on (ix_incident_unresolved_updated_at).
INCIDENTS = text("""
    SELECT count(*) AS value
    FROM (SELECT FROM incident WHERE status IN ('open', 'investigating', 'mitigating') LIMIT :most) AS counted
""")

KILL_SWITCH = text("SELECT is_on::int AS value FROM control WHERE name = 'kill_switch'")

# Versions after the one in force; the table has one row for each change of the policy.
POLICY = text("""
    SELECT count(*) AS value FROM policy_version
    WHERE number > coalesce((SELECT max(number) FROM policy_version WHERE activated_at IS NOT NULL), 0)
""")

# When any part was looked at last; the table has one row for each part.
RECONCILED = text("""
    SELECT extract(epoch FROM clock_timestamp() - max(looked_at)) AS value FROM reconciliation_part
""")

FOUND = text("SELECT part AS label, found_total AS value FROM reconciliation_part ORDER BY part")

RESOLUTIONS = text("""
    SELECT result AS label, coalesce(total, 0) AS value
    FROM unnest(ARRAY['hit', 'suggestion', 'miss', 'error']) AS known (result)
    LEFT JOIN resolution_total USING (result)
""")


@dataclass(frozen=True)
class Question:
    """A statement, and which metrics its rows answer."""

    statement: TextClause
    read: Callable[[Sequence[RowMapping]], Measures]


def _one(family: Read, *, oldest: Read | None = None) -> Callable[[Sequence[RowMapping]], Measures]:
    """A row with a value, and with the age of the oldest where that is asked for; none of it is 0."""

    def read(rows: Sequence[RowMapping]) -> Measures:
        row: Mapping[Any, Any] = dict(rows[0]) if rows else {"value": 0}
        found: dict[Read, Values] = {family: {(): float(row["value"])}}
        if oldest is not None:
            found[oldest] = {(): float(row["oldest"] or 0)}
        return found

    return read


def _where_known(family: Read) -> Callable[[Sequence[RowMapping]], Measures]:
    def read(rows: Sequence[RowMapping]) -> Measures:
        return {family: {(): float(rows[0]["value"])}} if rows[0]["value"] is not None else {}

    return read


def _labelled(family: Read) -> Callable[[Sequence[RowMapping]], Measures]:
    def read(rows: Sequence[RowMapping]) -> Measures:
        return {family: {(row["label"],): float(row["value"]) for row in rows}}

    return read


def _letters(rows: Sequence[RowMapping]) -> Measures:
    return {metric.DEAD_LETTERS: {(name,): float(value) for name, value in rows[0].items()}}


QUESTIONS: Final = (
    Question(APPROVALS, _labelled(metric.APPROVALS)),
    Question(OLDEST_PENDING, _one(metric.OLDEST_PENDING)),
    Question(DUE, _one(metric.DUE, oldest=metric.OLDEST_DUE)),
    Question(SILENT, _one(metric.SILENT)),
    Question(UNKNOWN, _one(metric.UNKNOWN)),
    Question(STEPS_DUE, _one(metric.STEPS_DUE, oldest=metric.OLDEST_STEP)),
    Question(DEAD_LETTERS, _letters),
    Question(UNSEALED, _one(metric.UNSEALED, oldest=metric.OLDEST_UNSEALED)),
    Question(WEBHOOKS, _one(metric.WEBHOOKS_BEHIND, oldest=metric.OLDEST_EVENT)),
    Question(INCIDENTS, _one(metric.INCIDENTS)),
    Question(KILL_SWITCH, _one(metric.KILL_SWITCH)),
    Question(POLICY, _one(metric.POLICY)),
    Question(RECONCILED, _where_known(metric.RECONCILED)),
    Question(FOUND, _labelled(metric.FOUND)),
    Question(RESOLUTIONS, _labelled(metric.RESOLUTIONS)),
)


def measured(session: Session) -> Measures:
    """Return every number. Nothing is locked.

    Raises TookTooLong, DatabaseUnavailable.
    """
    give_up = monotonic() + LONGEST_SECONDS
    known = {"most": MOST, "silent": SILENT_SECONDS}
    session.execute(PATIENCE)
    found: dict[Read, Values] = {}
    for question in QUESTIONS:
        if monotonic() > give_up:
            raise TookTooLong(f"the records were not read within {LONGEST_SECONDS} s")
        asked = {name: known[name] for name in question.statement.compile().params}
        try:
            found |= question.read(session.execute(question.statement, asked).mappings().all())
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) is None:
                raise  # the connection's end, which `transaction` says
            raise TookTooLong(f"the records were not read: {error.orig}") from None
    return found
