"""Tokens, one-time codes and sessions on record, by the hash of what is shown; and requests that were answered."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam
from sqlmodel import Session, col, select

from countersign.errors import NotFound
from countersign.records.tables import AccessToken, LoginCode, WebSession

LARGEST_PAGE = 500

# A use is written down once a minute at most: reading must not become writing.
TOKEN_USED = text("""
    UPDATE access_token SET last_used_at = clock_timestamp()
    WHERE id = :id AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')
""")

# Revoke a token; one that was revoked stays as it is.
REVOKE = text("""
    UPDATE access_token SET revoked_at = clock_timestamp(), revoked_by = :by
    WHERE id = :id AND revoked_at IS NULL RETURNING id
""")

# Revoke every token that is somebody's, or that they have made for others.
REVOKE_OF = text("""
    UPDATE access_token SET revoked_at = clock_timestamp(), revoked_by = :by
    WHERE (subject = :subject OR created_by = :subject) AND revoked_at IS NULL RETURNING id, subject
""")

# Links that nobody has used yet, theirs and those that they have made, are used up.
USE_CODES_OF = text("""
    UPDATE login_code SET used_at = clock_timestamp()
    WHERE (subject = :subject OR created_by = :subject) AND used_at IS NULL
""")

# Use a code, if nobody has.
USE_CODE = text("UPDATE login_code SET used_at = clock_timestamp() WHERE id = :id AND used_at IS NULL RETURNING id")

# Who made the link that a session was begun with, in the transaction that used it.
LINK_MAKER = text("""
    SELECT code.created_by FROM web_session AS mine JOIN login_code AS code ON code.subject = mine.subject
    WHERE mine.id = :id AND mine.method = 'code'
    ORDER BY abs(extract(epoch FROM code.used_at - mine.created_at)) NULLS LAST LIMIT 1
""")

# Which sessions are still good.
SESSIONS_OPEN = text("""
    SELECT id FROM web_session
    WHERE id = ANY(:ids) AND ended_at IS NULL
      AND clock_timestamp() < least(expires_at, seen_at + :idle)
""")

SESSION_SEEN = text("""
    UPDATE web_session SET seen_at = clock_timestamp()
    WHERE id = :id AND ended_at IS NULL AND seen_at < clock_timestamp() - interval '1 minute'
""")

END_SESSION = text("""
    UPDATE web_session SET ended_at = clock_timestamp() WHERE id = :id AND ended_at IS NULL RETURNING id
""")

END_SESSIONS_OF = text("""
    UPDATE web_session SET ended_at = clock_timestamp()
    WHERE subject = :subject AND ended_at IS NULL RETURNING id
""")

# One at a time answers a request with a key; whoever comes meanwhile is told so and does not wait.
LOCK_KEY = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:subject || E'\\n' || :key, 4718))")

ANSWERED = text("SELECT asked, status, body, headers FROM answered_request WHERE subject = :subject AND key = :key")

KEEP_ANSWER = text("""
    INSERT INTO answered_request (subject, key, asked, status, body, headers)
    VALUES (:subject, :key, :asked, :status, :body, :headers)
""").bindparams(bindparam("body", type_=JSONB), bindparam("headers", type_=JSONB))


@dataclass(frozen=True)
class KeptAnswer:
    """What a request with an idempotency key was answered."""

    asked: str
    status: int
    body: Any
    headers: Mapping[str, str]


def add_access(session: Session, row: AccessToken | LoginCode | WebSession) -> None:
    """Put a token, a code or a session on record."""
    session.add(row)
    session.flush()


def token_with(session: Session, token_id: UUID) -> AccessToken | None:
    """Return a token's row, None where there is none."""
    return session.get(AccessToken, token_id)


def tokens_of(session: Session, subject: str | None = None, *, limit: int = 100) -> Sequence[AccessToken]:
    """Return tokens, of one owner or of all, the newest first; at most 500."""
    query = select(AccessToken)
    if subject is not None:
        query = query.where(col(AccessToken.subject) == subject)
    return session.exec(query.order_by(col(AccessToken.created_at).desc()).limit(min(limit, LARGEST_PAGE))).all()


def token_used(session: Session, token_id: UUID) -> None:
    """Write down that a token was used, to the minute."""
    session.execute(TOKEN_USED, {"id": token_id})


def revoke_token(session: Session, token_id: UUID, *, by: str) -> AccessToken:
    """Revoke a token and return its row; harmless for one that is revoked. Raises NotFound."""
    session.execute(REVOKE, {"id": token_id, "by": by})
    found = session.get(AccessToken, token_id, populate_existing=True)
    if found is None:
        raise NotFound(f"token {token_id} does not exist", hint="`countersign tokens list` shows them")
    return found


def code_with(session: Session, code_id: UUID) -> LoginCode | None:
    """Return a code's row, None where there is none."""
    return session.get(LoginCode, code_id)


def use_code(session: Session, code_id: UUID) -> bool:
    """Use a code up; False where somebody has."""
    return session.execute(USE_CODE, {"id": code_id}).one_or_none() is not None


def sessions_open(session: Session, session_ids: Collection[UUID], *, idle: timedelta) -> frozenset[UUID]:
    """Return which of these have neither ended nor been left alone for so long."""
    given = {"ids": list(session_ids), "idle": idle}
    return frozenset(session.execute(SESSIONS_OPEN, given).scalars())


def session_with(session: Session, session_id: UUID) -> WebSession | None:
    """Return a session's row, None where there is none."""
    return session.get(WebSession, session_id)


def link_maker(session: Session, session_id: UUID) -> str | None:
    """Return who made the link that a session was begun with; None for one that was begun otherwise."""
    found = session.execute(LINK_MAKER, {"id": session_id}).scalar_one_or_none()
    return None if found is None else str(found)


def session_seen(session: Session, session_id: UUID) -> None:
    """Write down that a session was seen, to the minute."""
    session.execute(SESSION_SEEN, {"id": session_id})


def end_session(session: Session, session_id: UUID) -> bool:
    """End a session; False where it had ended."""
    return session.execute(END_SESSION, {"id": session_id}).one_or_none() is not None


def end_sessions_of(session: Session, subject: str) -> Sequence[UUID]:
    """End all sessions of somebody, and return their ids."""
    return session.execute(END_SESSIONS_OF, {"subject": subject}).scalars().all()


def revoke_tokens_of(session: Session, subject: str, *, by: str) -> Mapping[UUID, str]:
    """Revoke all tokens of somebody and all that they have made; return whose each was, by its id."""
    rows = session.execute(REVOKE_OF, {"subject": subject, "by": by}).all()
    return {row.id: row.subject for row in rows}


def use_codes_of(session: Session, subject: str) -> None:
    """Use up every link that is somebody's or was made by them."""
    session.execute(USE_CODES_OF, {"subject": subject})


def lock_key(session: Session, subject: str, key: str) -> bool:
    """Become the one who answers this key until the transaction ends; False where somebody is."""
    return bool(session.execute(LOCK_KEY, {"subject": subject, "key": key}).scalar_one())


def kept_answer(session: Session, subject: str, key: str) -> KeptAnswer | None:
    """Return what the key was answered, None before it was."""
    row = session.execute(ANSWERED, {"subject": subject, "key": key}).one_or_none()
    return None if row is None else KeptAnswer(row.asked, row.status, row.body, row.headers)


def keep_answer(session: Session, subject: str, key: str, answer: KeptAnswer) -> None:
    """Keep what the key is answered, in the transaction that does what was asked."""
    session.execute(
        KEEP_ANSWER,
        {
            "subject": subject,
            "key": key,
            "asked": answer.asked,
            "status": answer.status,
            "body": answer.body,
            "headers": dict(answer.headers),
        },
    )
