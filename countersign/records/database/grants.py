"""What the role that Countersign runs as may do: what its statements do, and nothing else.

The tables belong to the role that migrates. Migrating gives the running role what stands here, table by table, and
takes away the rest: a table that has no line here cannot even be read by it. Nobody deletes a row or empties a table,
and what decides what happens, or tells what happened, cannot be updated at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy import Engine

from countersign.errors import ConfigurationError, DatabaseUnavailable
from countersign.records.database.engine import role_of

__all__ = ["GRANTS", "Grant", "grant_all"]


@dataclass(frozen=True)
class Grant:
    """Everything may be read. `insert` rows; `update` these columns alone. FOR UPDATE and FOR SHARE need one."""

    why: str
    insert: bool = True
    update: tuple[str, ...] = ()


_TRAIL = "a trail: rows are added, and stay as they are"
_COUNTED = "is counted by triggers, which run as the owner"

GRANTS: Mapping[str, Grant] = {
    "access_token": Grant("is used, and revoked", update=("last_used_at", "revoked_at", "revoked_by")),
    "alembic_version": Grant("is read at every start", insert=False),
    "answered_request": Grant(_TRAIL),
    "approval": Grant(
        "what was asked for and signed stays; it moves on, and gets the incident that it belongs to",
        update=(
            *("status", "rejection_reason", "updated_at", "incident_id", "incident_linked_by"),
            *("tries", "waiting_until", "waiting_reason"),
        ),
    ),
    "archive_file": Grant("is written and emptied as the owner", insert=False),
    "audit_checkpoint": Grant(_TRAIL),
    "audit_event": Grant("rows are added by audit_append, which hashes them itself", insert=False),
    "audit_leaf": Grant(_TRAIL),
    "audit_tile": Grant(_TRAIL),
    "auto_repair": Grant(
        "an expected repair is recorded or skipped",
        update=("incident_id", "playbook", "trigger", "step", "status", "reason", "due_at", "ended_at"),
    ),
    "automation_operation_log": Grant(
        "is opened, then closed with what came of it",
        update=(
            *("operation_type", "status", "target", "namespace", "output", "error", "stderr_feed_back"),
            *("tags", "attempts", "duration_ms", "closed_at"),
        ),
    ),
    "break_glass": Grant(
        "is confirmed, and ended; what is lifted where, and by whom it was begun, stays",
        update=(
            *("confirmed_by", "confirmed_key", "confirmed_groups", "confirmed_at", "ends_at", "confirmed_mac"),
            *("ended_at", "ended_by", "end_reason"),
        ),
    ),
    "break_glass_notice": Grant(
        "channels are told of it", update=("told", "attempts", "next_try_at", "error", "done_at")
    ),
    "break_glass_use": Grant(_TRAIL),
    "chat_click": Grant("is settled, once", update=("settled_at", "result", "said")),
    "chat_message": Grant(
        "is sent, changed as its request goes on, and closed; what it is about and where it is stays",
        update=("message", "mark", "attempts", "next_try_at", "error", "closed_at", "mac"),
    ),
    "control": Grant(
        "the switch is there from the beginning, and is set",
        insert=False,
        update=("is_on", "changed_by", "reason", "changed_at"),
    ),
    "control_change": Grant(_TRAIL),
    "dead_letter": Grant("is replayed, and resolved", update=("error", "replays", "next_replay_at", "resolved_at")),
    "delivery": Grant(
        "is tried until it is sent",
        update=("status", "fence", "attempts", "error", "not_before", "tried_at", "sent_at"),
    ),
    "disposition": Grant(_TRAIL),
    "disposition_tally": Grant(_COUNTED, insert=False),
    "evidence_snapshot": Grant(
        "is taken again, and gets the incident that it belongs to",
        update=("incident_id", "objects", "verdict", "verification", "taken_at"),
    ),
    "execution": Grant(
        "whose it is, its plan and how it ended; which approval it is of stays",
        update=(
            *("fence", "worker", "flow_run_id", "lease_until", "plan", "plan_hash", "plan_mac"),
            *("policy_number", "policy_hash"),
            *("outcome", "settled_at", "error", "stderr", "report", "look_again_until"),
        ),
    ),
    "host_gateway_audit": Grant(_TRAIL),
    "incident": Grant(
        "its signals come in, it is learned from, resolved and opened again",
        update=(
            *("title", "signals", "alerts", "unlisted_alerts", "alert_category", "affected_services", "status"),
            *("execution_success", "effectiveness_score", "learning_notes", "closing_note"),
            *("reopened_at", "resolved_at"),
        ),
    ),
    "journal_entry": Grant(_TRAIL),
    "knowledge_entry": Grant(
        "is written again by what knows more", update=("incident_id", "title", "body", "tags", "category")
    ),
    "ledger_step": Grant(
        "is run until it is done",
        update=(
            *("status", "reason", "fence", "attempts", "due_at", "runner", "result", "error"),
            *("started_at", "ended_at"),
        ),
    ),
    "login_code": Grant("is used, once", update=("used_at",)),
    "playbook": Grant(
        "shows one of its versions, and who may run it",
        update=(
            *("title", "alert", "symptom", "symptom_hash", "steps", "steps_hash", "status", "version"),
            *("people_only_since", "people_only_reason", "restored_at", "updated_at"),
        ),
    ),
    "playbook_change": Grant(_TRAIL),
    "playbook_version": Grant(_TRAIL),
    "policy_signature": Grant(_TRAIL),
    "policy_version": Grant("is put in force, once", update=("activated_at", "activated_by")),
    "reconciliation_part": Grant(
        "counts its rounds",
        update=(
            *("looked_at", "found", "failed", "oldest_seconds", "problem"),
            *("rounds_total", "found_total", "failed_total", "problems_total"),
        ),
    ),
    "resolution_total": Grant("counts what became of names", update=("total", "last_at")),
    "signature": Grant(_TRAIL),
    "target_hold": Grant("is released", update=("released_at",)),
    "timeline_event": Grant(_TRAIL),
    "trust_observation": Grant(
        "is replaced by a heavier one of the same execution", update=("effect", "weight", "basis", "at")
    ),
    "trend": Grant(_COUNTED, insert=False),
    "trend_counted": Grant(_COUNTED, insert=False),
    "trust_half_life": Grant(_COUNTED, insert=False),
    "trust_tally": Grant(_COUNTED, insert=False),
    "web_session": Grant("is seen, and ends", update=("seen_at", "ended_at")),
    "webhook": Grant(
        "is told, gets a new secret, and ends; where it leads and of what it is told stays",
        update=(
            *("version", "rotated_at", "enabled", "position", "attempts", "next_try_at"),
            *("ended_at", "ended_by", "mac"),
        ),
    ),
    "webhook_delivery": Grant(_TRAIL),
    "webhook_source": Grant("ends", update=("ended_at", "ended_by")),
}

FUNCTIONS = ("audit_append(text,text,text,text,jsonb)", "trust_count_by(double precision)")
"""What the role may call that not everybody may."""

_EXISTING = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_KNOWN_ROLE = "SELECT rolsuper OR rolname = current_user FROM pg_roles WHERE rolname = %s"


def grant_all(engine: Engine, role: str, *, password: str | None = None) -> None:
    """Give `role` what GRANTS says in the database of `engine`, whose role owns the tables, and nothing else.

    The role is made, with `password`, where there is none and the owner may make roles. Raises ConfigurationError:
    the role is the owner itself or a superuser, or it cannot be made; DatabaseUnavailable.
    """
    owner = role_of(engine)
    with engine.connect() as pooled, pooled.begin():
        connection = pooled.connection.driver_connection
        assert isinstance(connection, psycopg.Connection)
        _make_role(connection, role, password, owner=owner)
        name = sql.Identifier(role)
        for statement in (
            "REVOKE ALL ON DATABASE {database} FROM PUBLIC, {role}",
            "GRANT CONNECT ON DATABASE {database} TO {role}",
            # From temporary tables, too: they would come before those of a function that runs as its owner.
            "REVOKE ALL ON SCHEMA public FROM PUBLIC, {role}",
            # The owner's, too, where the schema is another's: references between tables are checked as the owner.
            "GRANT USAGE ON SCHEMA public TO {role}, CURRENT_USER",
            "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {role}",
            "REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, {role}",
        ):
            database = sql.Identifier(connection.info.dbname)
            connection.execute(sql.SQL(statement).format(database=database, role=name))
        existing = {str(row[0]) for row in connection.execute(_EXISTING)}
        for table, grant in GRANTS.items():
            if table in existing:
                connection.execute(_statement(table, grant, name))
        for function in FUNCTIONS:
            if connection.execute("SELECT to_regprocedure(%s)", (function,)).fetchone() != (None,):
                connection.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(function), name))


def _statement(table: str, grant: Grant, role: sql.Identifier) -> sql.Composed:
    rights = [sql.SQL("SELECT")]
    if grant.insert:
        rights.append(sql.SQL("INSERT"))
    parts = [sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(", ").join(rights), sql.Identifier(table), role)]
    if grant.update:
        columns = sql.SQL(", ").join(map(sql.Identifier, grant.update))
        parts.append(sql.SQL("GRANT UPDATE ({}) ON {} TO {}").format(columns, sql.Identifier(table), role))
    return sql.SQL("; ").join(parts)


def _make_role(
    connection: "psycopg.Connection[tuple[object, ...]]", role: str, password: str | None, *, owner: str
) -> None:
    found = connection.execute(_KNOWN_ROLE, (role,)).fetchone()
    if found is not None:
        if found[0]:
            raise ConfigurationError(
                f"the role {role} is the one that migrates ({owner}), or a superuser: it could change any record",
                hint="give COUNTERSIGN_DATABASE_URL a role of its own; see docs/operations.md, Database roles",
            )
        return
    missing = ConfigurationError(
        f"there is no role {role}, and {owner} may not make one",
        hint=f"on the server: CREATE ROLE {role} LOGIN PASSWORD '…'",
    )
    if password is None:
        raise missing
    # Hashed here: no log of the server ever shows a password.
    secret = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    make = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(secret))
    try:
        connection.execute(make)
    except psycopg.errors.InsufficientPrivilege:
        raise missing from None
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        raise DatabaseUnavailable(
            f"the role {role} was made by somebody else in this moment", hint="run it again"
        ) from None
