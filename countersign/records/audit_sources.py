"""Which records the audit tells of, and what it keeps of each: a digest of what of the record may not change.

The writer of a record calls `tell` in the same transaction. `countersign audit verify` computes the digests again and
names the records that differ, that no row tells of, and those that are told of and gone.
"""

from collections.abc import Mapping
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
from countersign.records.audit_source import Source, columns, moment, status
from countersign.records.counting import count_when_committed
from countersign.records.database.storable import clean, told_json

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
        *columns("action description risk_level requested_by required_signatures blast_radius"),
        *columns("matched_playbook_id details target parameters start when_blocked"),
        moment("record.expires_at"),
        moment("record.not_before"),
        moment("record.created_at"),
    ),
    facts=("'risk_level', record.risk_level", status(of="record.id")),
)

STATUS = Source(
    name="status",
    events=(Event.REQUEST_CANCELLED, Event.REQUEST_EXPIRED),
    rows="approval AS record",
    key="record.id",
    chain="record.id",
    actor="record.requested_by",
    told=("record.status",),
    facts=(status(of="record.id"),),
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
    told=columns("incident_id incident_linked_by"),
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
        *columns("approval_id signer decision comment algorithm key_id value form"),
        moment("record.created_at"),
    ),
    facts=("'decision', record.decision", "'key_id', record.key_id", status(of="record.approval_id")),
)

EXECUTION = Source(
    name="execution",
    events=(Event.CLAIM_MADE, Event.DRY_RUN_STARTED, Event.ROLLBACK_STARTED),
    rows="execution AS record",
    key="record.id",
    chain="record.approval_id",
    actor="record.worker",
    told=("record.approval_id", "record.dry_run", "record.rolls_back", moment("record.started_at")),
    facts=(
        "'fence', record.fence",
        "'rolls_back', record.rolls_back",
        status(of="record.approval_id", when=_EFFECTIVE),
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
    told=("record.outcome", "record.error", "record.stderr", "record.report", moment("record.settled_at")),
    facts=("'outcome', record.outcome", status(of="record.approval_id", when=_EFFECTIVE)),
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
        *columns("execution_id fence kind step attempt answer payload mac"),
        moment("record.at"),
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
    told=("record.name", "record.is_on", "record.changed_by", "record.reason", moment("record.at")),
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
        *columns("session_id agent agent_role approval_id execution_id project host tool parameters purpose"),
        *columns("decision argv gate gate_code exit_code duration_ms error"),
        moment("record.at"),
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
    told=(*columns("number document hash previous_hash author reason"), moment("record.proposed_at")),
    facts=("'version', record.number", "'hash', record.hash", "'reason', record.reason"),
)

POLICY_ACTIVATION = Source(
    name="policy_activation",
    events=(Event.POLICY_ACTIVATED,),
    rows="policy_version AS record",
    key="record.number",
    chain="'policy'",
    actor="record.activated_by",
    told=("record.number", "record.hash", "record.activated_by", moment("record.activated_at")),
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
    told=(*columns("number hash administrator key_id value"), moment("record.created_at")),
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
        *columns(
            "cluster namespace operation up_to lifts minutes reason begun_by begun_key begun_groups begun_shown_by"
        ),
        *columns("mac"),
        moment("record.begun_at"),
        moment("record.confirm_until"),
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
        *columns("id confirmed_by confirmed_key confirmed_groups confirmed_mac"),
        moment("record.confirmed_at"),
        moment("record.ends_at"),
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
    told=("record.id", "record.ended_by", "record.end_reason", moment("record.ended_at")),
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
    told=(*columns("break_glass_id approval_id execution_id lift said"), moment("record.at")),
    facts=(
        "'execution', record.execution_id",
        "'break_glass', record.break_glass_id",
        "'lift', record.lift",
        "'reason', record.said",
    ),
)

ARCHIVE_FILE = Source(
    name="archive_file",
    events=(Event.ARCHIVE_WRITTEN,),
    rows="archive_file AS record",
    key="record.id",
    chain="'archive'",
    actor="record.written_by",
    told=(*columns("name month sha256 bytes approvals rows written_by"), moment("record.written_at")),
    facts=("'name', record.name", "'sha256', record.sha256", "'bytes', record.bytes", "'rows', record.rows"),
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
    ARCHIVE_FILE,
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
