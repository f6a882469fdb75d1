"""Which records the audit tells of, and what it keeps of each: a digest of what of the record may not change.

The writer of a record calls `tell` in the same transaction. `countersign audit verify` computes the digests again and
names the records that differ, that no row tells of, and those that are told of and gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session

from countersign.metrics.audit import EVENTS
from countersign.records.audit_events import Event
from countersign.records.counting import count_when_committed
from countersign.records.database.storable import clean, told_json


@dataclass(frozen=True)
class Source:
    """A kind of record. All but `name` and `events` are SQL over `rows`, of which `record` is the record itself."""

    name: str
    """The part of `about` before the colon."""
    events: tuple[Event, ...]
    """Those that tell of it; where there are several rows, the last one's digest counts."""
    rows: str
    key: str
    chain: str
    actor: str
    told: tuple[str, ...]
    """What the digest is over."""
    facts: tuple[str, ...]
    """What can be read in the row: pairs of name and value."""
    must: str = "true"
    """Which records have to be told of."""

    @property
    def about(self) -> str:
        """The record's name as SQL."""
        return f"'{self.name}:' || {self.key}"

    @property
    def digest(self) -> str:
        """SHA-256 as hexadecimal digits, as SQL."""
        return f"encode(sha256(convert_to(jsonb_build_array({', '.join(self.told)})::text, 'UTF8')), 'hex')"


def _columns(names: str) -> tuple[str, ...]:
    return tuple(f"record.{name}" for name in names.split())


def _moment(column: str) -> str:
    """Microseconds: the text of a time would have the session's zone."""
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


def _status(*, of: str, when: str = "true") -> str:
    """The approval's status, told by who has just changed it and so has its row locked."""
    return f"'status', CASE WHEN {when} THEN (SELECT status FROM approval WHERE id = {of}) END"  # noqa: S608


_EFFECTIVE = "NOT record.dry_run AND record.rolls_back IS NULL"


APPROVAL = Source(
    name="approval",
    events=(Event.REQUEST_FILED,),
    rows="approval AS record",
    key="record.id",
    chain="record.id",
    actor="record.requested_by",
    # An incident may be linked later.
    told=(
        *_columns("action description risk_level requested_by required_signatures blast_radius"),
        *_columns("matched_playbook_id details target parameters start when_blocked"),
        _moment("record.expires_at"),
        _moment("record.not_before"),
        _moment("record.created_at"),
    ),
    facts=("'risk_level', record.risk_level", _status(of="record.id")),
)

STATUS = Source(
    name="status",
    events=(Event.REQUEST_CANCELLED, Event.REQUEST_EXPIRED),
    rows="approval AS record",
    key="record.id",
    chain="record.id",
    actor="record.requested_by",
    told=("record.status",),
    facts=(_status(of="record.id"),),
    must="record.status = 'expired' OR (record.status = 'cancelled' AND NOT EXISTS"
    " (SELECT FROM execution WHERE approval_id = record.id AND NOT dry_run AND rolls_back IS NULL"
    " AND outcome IS DISTINCT FROM 'postponed'))",
)

INCIDENT_LINK = Source(
    name="incident_link",
    events=(Event.INCIDENT_LINKED,),
    rows="approval AS record",
    key="record.id",
    chain="record.id",
    actor="record.incident_linked_by",
    told=_columns("incident_id incident_linked_by"),
    facts=("'incident', record.incident_id",),
    must="record.incident_linked_by IS NOT NULL",
)

SIGNATURE = Source(
    name="signature",
    events=(Event.REQUEST_SIGNED, Event.REQUEST_REJECTED),
    rows="signature AS record",
    key="record.seq",
    chain="record.approval_id",
    actor="record.signer",
    told=(
        *_columns("approval_id signer decision comment algorithm key_id value form"),
        _moment("record.created_at"),
    ),
    facts=("'decision', record.decision", "'key_id', record.key_id", _status(of="record.approval_id")),
)

EXECUTION = Source(
    name="execution",
    events=(Event.CLAIM_MADE, Event.DRY_RUN_STARTED, Event.ROLLBACK_STARTED),
    rows="execution AS record",
    key="record.id",
    chain="record.approval_id",
    actor="record.worker",
    told=("record.approval_id", "record.dry_run", "record.rolls_back", _moment("record.started_at")),
    facts=(
        "'fence', record.fence",
        "'rolls_back', record.rolls_back",
        _status(of="record.approval_id", when=_EFFECTIVE),
    ),
)

OWNER = Source(
    name="owner",
    events=(Event.CLAIM_TAKEN_OVER, Event.DRY_RUN_TAKEN_OVER, Event.ROLLBACK_TAKEN_OVER),
    rows="execution AS record",
    key="record.id",
    chain="record.approval_id",
    actor="record.worker",
    told=("record.fence", "record.worker"),
    facts=("'fence', record.fence",),
    must="record.fence > 1",
)

PLAN = Source(
    name="plan",
    events=(Event.PLAN_STORED,),
    rows="execution AS record",
    key="record.id",
    chain="record.approval_id",
    actor="record.worker",
    told=("record.plan", "record.plan_hash", "record.plan_mac"),
    facts=("'plan_hash', record.plan_hash",),
    must="record.plan IS NOT NULL",
)

OUTCOME = Source(
    name="outcome",
    events=(Event.OUTCOME_SETTLED, Event.OUTCOME_FOUND_OUT, Event.OUTCOME_CORRECTED),
    rows="execution AS record",
    key="record.id",
    chain="record.approval_id",
    actor="record.worker",
    told=("record.outcome", "record.error", "record.stderr", "record.report", _moment("record.settled_at")),
    facts=("'outcome', record.outcome", _status(of="record.approval_id", when=_EFFECTIVE)),
    must="record.settled_at IS NOT NULL",
)

JOURNAL_ENTRY = Source(
    name="journal_entry",
    events=(Event.INTENT_WRITTEN, Event.ANSWER_WRITTEN),
    rows="journal_entry AS record JOIN execution ON execution.id = record.execution_id",
    key="record.seq",
    chain="execution.approval_id",
    actor="execution.worker",
    told=(
        *_columns("execution_id fence kind step attempt answer payload mac"),
        _moment("record.at"),
    ),
    facts=(
        "'execution', record.execution_id",
        "'step', record.step",
        "'attempt', record.attempt",
        "'fence', record.fence",
        "'answer', record.answer",
    ),
)

CONTROL_CHANGE = Source(
    name="control_change",
    events=(Event.KILL_SWITCH_ON, Event.KILL_SWITCH_OFF),
    rows="control_change AS record",
    key="record.seq",
    chain="'control'",
    actor="record.changed_by",
    told=("record.name", "record.is_on", "record.changed_by", "record.reason", _moment("record.at")),
    facts=("'is_on', record.is_on", "'reason', record.reason"),
)

GATEWAY_CALL = Source(
    name="gateway_call",
    events=(Event.CALL_ALLOWED, Event.CALL_REFUSED, Event.CALL_ENDED),
    rows="host_gateway_audit AS record",
    key="record.seq",
    chain="coalesce(record.approval_id::text, 'gateway')",
    actor="record.agent",
    told=(
        *_columns("session_id agent agent_role approval_id execution_id project host tool parameters purpose"),
        *_columns("decision argv gate gate_code exit_code duration_ms error"),
        _moment("record.at"),
    ),
    facts=(
        "'host', record.host",
        "'tool', record.tool",
        "'purpose', record.purpose",
        "'decision', record.decision",
        "'gate_code', record.gate_code",
        "'exit_code', record.exit_code",
    ),
)

POLICY_VERSION = Source(
    name="policy_version",
    events=(Event.POLICY_PROPOSED,),
    rows="policy_version AS record",
    key="record.number",
    chain="'policy'",
    actor="record.author",
    told=(*_columns("number document hash previous_hash author reason"), _moment("record.proposed_at")),
    facts=("'version', record.number", "'hash', record.hash", "'reason', record.reason"),
)

POLICY_ACTIVATION = Source(
    name="policy_activation",
    events=(Event.POLICY_ACTIVATED,),
    rows="policy_version AS record",
    key="record.number",
    chain="'policy'",
    actor="record.activated_by",
    told=("record.number", "record.hash", "record.activated_by", _moment("record.activated_at")),
    facts=("'version', record.number", "'hash', record.hash"),
    must="record.activated_at IS NOT NULL",
)

POLICY_SIGNATURE = Source(
    name="policy_signature",
    events=(Event.POLICY_SIGNED,),
    rows="policy_signature AS record",
    key="record.seq",
    chain="'policy'",
    actor="record.administrator",
    told=(*_columns("number hash administrator key_id value"), _moment("record.created_at")),
    facts=("'version', record.number", "'hash', record.hash", "'key_id', record.key_id"),
)

BREAK_GLASS_BEGUN = Source(
    name="break_glass",
    events=(Event.BREAK_GLASS_BEGUN,),
    rows="break_glass AS record",
    key="record.id",
    chain="'break_glass'",
    actor="record.begun_by",
    told=(
        *_columns(
            "cluster namespace operation up_to lifts minutes reason begun_by begun_key begun_groups begun_shown_by"
        ),
        *_columns("mac"),
        _moment("record.begun_at"),
        _moment("record.confirm_until"),
    ),
    facts=(
        "'cluster', record.cluster",
        "'namespace', record.namespace",
        "'operation', record.operation",
        "'risk_level', record.up_to",
        "'lifts', record.lifts",
        "'minutes', record.minutes",
        "'reason', record.reason",
    ),
)

BREAK_GLASS_CONFIRMED = Source(
    name="break_glass_confirmation",
    events=(Event.BREAK_GLASS_CONFIRMED,),
    rows="break_glass AS record",
    key="record.id",
    chain="'break_glass'",
    actor="record.confirmed_by",
    told=(
        *_columns("id confirmed_by confirmed_key confirmed_groups confirmed_mac"),
        _moment("record.confirmed_at"),
        _moment("record.ends_at"),
    ),
    facts=(
        "'cluster', record.cluster",
        "'lifts', record.lifts",
        "'minutes', record.minutes",
        "'reason', record.reason",
    ),
    must="record.confirmed_at IS NOT NULL",
)

BREAK_GLASS_ENDED = Source(
    name="break_glass_end",
    events=(Event.BREAK_GLASS_ENDED,),
    rows="break_glass AS record",
    key="record.id",
    chain="'break_glass'",
    actor="record.ended_by",
    told=("record.id", "record.ended_by", "record.end_reason", _moment("record.ended_at")),
    facts=("'reason', record.end_reason",),
    must="record.ended_at IS NOT NULL",
)

USE = Source(
    name="break_glass_use",
    events=(Event.BREAK_GLASS_USED,),
    rows="break_glass_use AS record JOIN break_glass ON break_glass.id = record.break_glass_id",
    key="record.seq",
    chain="record.approval_id",
    actor="break_glass.confirmed_by",
    told=(*_columns("break_glass_id approval_id execution_id lift said"), _moment("record.at")),
    facts=(
        "'execution', record.execution_id",
        "'break_glass', record.break_glass_id",
        "'lift', record.lift",
        "'reason', record.said",
    ),
)

SOURCES = (
    APPROVAL,
    STATUS,
    INCIDENT_LINK,
    SIGNATURE,
    EXECUTION,
    OWNER,
    PLAN,
    OUTCOME,
    JOURNAL_ENTRY,
    CONTROL_CHANGE,
    GATEWAY_CALL,
    POLICY_VERSION,
    POLICY_ACTIVATION,
    POLICY_SIGNATURE,
    BREAK_GLASS_BEGUN,
    BREAK_GLASS_CONFIRMED,
    BREAK_GLASS_ENDED,
    USE,
)


def tell(
    session: Session,
    event: Event,
    source: Source,
    key: UUID | int,
    *,
    actor: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Append the row that tells of the record `key` as it is now, in the transaction that wrote it, as the last thing
    there: others who write about the same approval wait for the end of the transaction.

    `actor` is whom the record names, unless said. Secrets in `details` are masked.
    """
    session.execute(
        _telling(source),
        {
            "event": event.value,
            "key": key,
            "actor": None if actor is None else clean(actor),
            "details": told_json(details or {}),
        },
    )
    count_when_committed(session, EVENTS, event=event.value)


@cache
def _telling(source: Source) -> TextClause:
    facts = ", ".join((f"'digest', {source.digest}", *source.facts))
    return text(f"""
        SELECT audit_append(({source.chain})::text, :event, coalesce(:actor, {source.actor}), {source.about},
                            jsonb_strip_nulls(jsonb_build_object({facts})) || :details)
        FROM {source.rows} WHERE {source.key} = :key
    """).bindparams(bindparam("details", type_=JSONB))  # noqa: S608 - constants of this module
