"""Who gets in: tokens, one-time codes and sessions are made, believed and ended here.

What is shown to get in is `<prefix><id>_<secret>`: shown once, kept as a hash, and believed only with the seal of
this installation over owner, limits and hash. So neither who reads the database gets in by it, nor who writes to it.
Everything that is made, ended or refused is on the audit.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

from pydantic import SecretStr
from sqlmodel import Session

from countersign.errors import CountersignError, InvalidInput, Tampered, Unauthenticated
from countersign.execution.plan_seal import Seal
from countersign.policy.access import Identity, Kind
from countersign.policy.names import require_name, require_seen
from countersign.policy.roles import Role
from countersign.policy.signatures import utc_text
from countersign.records import access, audit
from countersign.records.audit_events import Event
from countersign.records.database.engine import clock
from countersign.records.tables import AccessToken, LoginCode, WebSession
from countersign.records.tables.access import LABEL_LIMIT

TOKEN_PREFIX: Final = "cst_"  # noqa: S105  (what such a thing begins with)
CODE_PREFIX: Final = "csl_"
SESSION_PREFIX: Final = "css_"
LONGEST_TOKEN: Final = timedelta(days=366)
CODE_LIFE: Final = timedelta(minutes=10)
SESSION_LIFE: Final = timedelta(hours=12)
SESSION_IDLE: Final = timedelta(hours=1)
_CHALLENGES: Final = "passkey login\n"
"""Under which used challenges are kept. Nobody is called so: names have no line breaks."""
_SECRET_BYTES: Final = 32
_HINT: Final = "`countersign tokens new` makes a token, `countersign login` a link to the pages"


class Method(StrEnum):
    """How a session was begun."""

    CODE = "code"
    OIDC = "oidc"
    PASSKEY = "passkey"


@dataclass(frozen=True)
class Shown:
    """What was made, and what is shown for it, this once."""

    id: UUID
    secret: SecretStr
    expires_at: datetime


@dataclass(frozen=True)
class Authenticated:
    """Who was let in, and by what."""

    identity: Identity
    token_id: UUID | None = None
    session_id: UUID | None = None
    good_until: datetime | None = None
    """The end of the certificate that was shown; None for what is none."""
    expires_in: timedelta | None = None
    """For how long a token or a certificate is still good; None for what is neither."""


def make_token(
    session: Session,
    seal: Seal,
    *,
    subject: str,
    kind: Kind = Kind.MACHINE,
    roles: Iterable[Role] = (),
    label: str = "",
    life: timedelta,
    by: str,
    secret: SecretStr | None = None,
) -> Shown:
    """Make a token of `subject` that uses no more than these of its roles (none named: all).

    `secret` is what will be shown, where it was made elsewhere (`new_secret`). Raises InvalidInput naming the field.
    """
    require_name(subject, field="subject")
    require_seen(label, field="label", line_breaks=False)
    if len(label) > LABEL_LIMIT:
        raise InvalidInput(f"label: {len(label)} characters, at most {LABEL_LIMIT} are accepted")
    if not timedelta() < life <= LONGEST_TOKEN:
        raise InvalidInput(f"expires: a token lasts between a moment and {LONGEST_TOKEN.days} days")
    now = clock(session)
    shown = secret or new_secret(TOKEN_PREFIX)
    row = AccessToken(
        id=_id_in(shown, TOKEN_PREFIX),
        subject=subject,
        kind=kind.value,
        label=label,
        roles=[role.value for role in Role if role in set(roles)],
        hash=_hash(shown),
        mac="",
        created_by=by,
        created_at=now,
        expires_at=now + life,
    )
    row.mac = seal.of_access(_token_facts(row))
    access.add_access(session, row)
    facts = {"token": str(row.id), "subject": subject, "kind": kind.value, "roles": row.roles}
    audit.record(session, Event.TOKEN_MADE, actor=by, details={**facts, "expires_at": utc_text(row.expires_at)})
    return Shown(row.id, shown, row.expires_at)


def revoke_token(session: Session, token_id: UUID, *, by: str) -> AccessToken:
    """Revoke a token and return its row. Raises NotFound."""
    row = access.revoke_token(session, token_id, by=by)
    audit.record(session, Event.TOKEN_REVOKED, actor=by, details={"token": str(token_id), "subject": row.subject})
    return row


def by_token(session: Session, seal: Seal, shown: SecretStr) -> Authenticated:
    """Return whose token this is. Raises Unauthenticated, or Tampered where the record is not as it was made."""
    found = access.token_with(session, _id_in(shown, TOKEN_PREFIX))
    if found is None or not _is(found.hash, shown):
        raise Unauthenticated("The token is not known here.", hint=_HINT)
    _require_sealed(seal, found.mac, _token_facts(found), of=f"token {found.id}")
    if found.revoked_at is not None:
        raise Unauthenticated(f"Token {found.id} was revoked.", hint=_HINT)
    left = found.expires_at - clock(session)
    if left <= timedelta():
        raise Unauthenticated(f"Token {found.id} expired at {utc_text(found.expires_at)}.", hint=_HINT)
    access.token_used(session, found.id)
    limited = frozenset(map(Role, found.roles)) or None
    who = Identity(found.subject, Kind(found.kind), limited_to=limited)
    return Authenticated(who, token_id=found.id, expires_in=left)


def is_known(session: Session, shown: SecretStr) -> bool:
    """Tell whether a token with this id is on record, good or not."""
    return access.token_with(session, _id_in(shown, TOKEN_PREFIX)) is not None


def offer_login(session: Session, seal: Seal, *, subject: str, by: str) -> Shown:
    """Make a code with which `subject` logs in to the pages once, within ten minutes. Raises InvalidInput."""
    require_name(subject, field="subject")
    shown, now = new_secret(CODE_PREFIX), clock(session)
    row = LoginCode(
        id=_id_in(shown, CODE_PREFIX),
        subject=subject,
        hash=_hash(shown),
        mac="",
        created_by=by,
        created_at=now,
        expires_at=now + CODE_LIFE,
    )
    row.mac = seal.of_access(_code_facts(row))
    access.add_access(session, row)
    audit.record(session, Event.LOGIN_OFFERED, actor=by, details={"subject": subject, "code": str(row.id)})
    return Shown(row.id, shown, row.expires_at)


def log_in_by_code(session: Session, seal: Seal, shown: SecretStr) -> Shown:
    """Use a code up and begin the session of its owner. Raises Unauthenticated, Tampered."""
    found = access.code_with(session, _id_in(shown, CODE_PREFIX))
    refused = Unauthenticated(
        "The link was used already, has expired or is not from here.", hint="`countersign login` makes a new one"
    )
    if found is None or not _is(found.hash, shown):
        raise refused
    _require_sealed(seal, found.mac, _code_facts(found), of=f"login code {found.id}")
    if found.expires_at <= clock(session) or not access.use_code(session, found.id):
        raise refused
    return begin_session(session, seal, Identity(found.subject), method=Method.CODE)


def begin_session(session: Session, seal: Seal, who: Identity, *, method: Method) -> Shown:
    """Begin a session of somebody who has shown who they are."""
    shown, now = new_secret(SESSION_PREFIX), clock(session)
    row = WebSession(
        id=_id_in(shown, SESSION_PREFIX),
        subject=who.name,
        groups=sorted(who.groups),
        method=method.value,
        hash=_hash(shown),
        mac="",
        created_at=now,
        expires_at=now + SESSION_LIFE,
        seen_at=now,
    )
    row.mac = seal.of_access(_session_facts(row))
    access.add_access(session, row)
    audit.record(
        session, Event.SESSION_BEGUN, actor=who.name, details={"session": str(row.id), "method": method.value}
    )
    return Shown(row.id, shown, row.expires_at)


def by_session(session: Session, seal: Seal, shown: SecretStr) -> Authenticated:
    """Return whose session this is. Raises Unauthenticated, Tampered."""
    found = access.session_with(session, _id_in(shown, SESSION_PREFIX))
    if found is None or not _is(found.hash, shown):
        raise Unauthenticated("The session is not known here.", hint="log in again")
    _require_sealed(seal, found.mac, _session_facts(found), of=f"session {found.id}")
    now = clock(session)
    if found.ended_at is not None or found.expires_at <= now or found.seen_at + SESSION_IDLE <= now:
        raise Unauthenticated("The session has ended.", hint="log in again")
    access.session_seen(session, found.id)
    who = Identity(found.subject, Kind.PERSON, groups=frozenset(found.groups))
    return Authenticated(who, session_id=found.id)


def shown_by(session: Session, by: Authenticated) -> str | None:
    """Return who made what somebody has shown, their token or the link of their session; None where they have shown
    by themselves who they are.
    """
    if by.token_id is not None:
        found = access.token_with(session, by.token_id)
        return None if found is None else found.created_by
    return None if by.session_id is None else access.link_maker(session, by.session_id)


def end_session(session: Session, session_id: UUID, *, by: str) -> None:
    """End a session. Harmless for one that has ended."""
    if access.end_session(session, session_id):
        audit.record(session, Event.SESSION_ENDED, actor=by, details={"session": str(session_id)})


@dataclass(frozen=True)
class ShutOut:
    """What had let somebody in."""

    tokens: int
    sessions: int


def shut_out(session: Session, subject: str, *, by: str) -> ShutOut:
    """End everything that lets `subject` in, and every token and link that they have made for others.

    For somebody who leaves, or whose machine is in foreign hands: what was made with it must not outlive it. Roles
    and signing keys are the policy's, and stay until the policy changes. Raises InvalidInput.
    """
    require_name(subject, field="subject")
    tokens = access.revoke_tokens_of(session, subject, by=by)
    sessions = access.end_sessions_of(session, subject)
    access.use_codes_of(session, subject)
    for token_id, owner in tokens.items():
        audit.record(session, Event.TOKEN_REVOKED, actor=by, details={"token": str(token_id), "subject": owner})
    for session_id in sessions:
        audit.record(session, Event.SESSION_ENDED, actor=by, details={"session": str(session_id), "subject": subject})
    return ShutOut(len(tokens), len(sessions))


def answer_once(session: Session, challenge: bytes) -> None:
    """Use up the challenge that a passkey's login has answered. Raises Unauthenticated where it was used."""
    key = hashlib.sha256(challenge).hexdigest()
    if not access.lock_key(session, _CHALLENGES, key) or access.kept_answer(session, _CHALLENGES, key) is not None:
        raise Unauthenticated("This login was used already.", hint="log in again")
    access.keep_answer(session, _CHALLENGES, key, access.KeptAnswer(key, 204, None, {}))


def new_secret(prefix: str) -> SecretStr:
    """Return a new secret of its kind."""
    return SecretStr(f"{prefix}{uuid4().hex}_{secrets.token_urlsafe(_SECRET_BYTES)}")


def tell_refusal(session: Session, error: CountersignError, shown: SecretStr) -> None:
    """Put on the audit that something known here was shown and does not count; strangers' guesses are not told."""
    value = shown.get_secret_value()
    for prefix, find in (
        (TOKEN_PREFIX, access.token_with),
        (CODE_PREFIX, access.code_with),
        (SESSION_PREFIX, access.session_with),
    ):
        if value.startswith(prefix):
            found = find(session, _id_in(shown, prefix))
            # A guess that only knows an id is nobody's.
            if found is not None and _is(found.hash, shown):
                details = {"found": error.message, "id": str(found.id)}
                audit.record(session, Event.LOGIN_REFUSED, actor=found.subject, details=details)


def _id_in(shown: SecretStr, prefix: str) -> UUID:
    value = shown.get_secret_value()
    name, _, secret = value.removeprefix(prefix).partition("_")
    try:
        found = UUID(hex=name) if value.startswith(prefix) and secret else None
    except ValueError:
        found = None
    if found is None:
        raise Unauthenticated("What was shown is no token of Countersign's.", hint=_HINT)
    return found


def _hash(shown: SecretStr) -> str:
    return hashlib.sha256(shown.get_secret_value().encode()).hexdigest()


def _is(kept: str, shown: SecretStr) -> bool:
    return hmac.compare_digest(kept, _hash(shown))


def _require_sealed(seal: Seal, mac: str, facts: Mapping[str, Any], *, of: str) -> None:
    if not hmac.compare_digest(mac, seal.of_access(facts)):
        raise Tampered(
            f"The record of {of} is not as Countersign made it.",
            hint="nobody is let in by it; find out who writes to the database",
            of="access",
        )


def _token_facts(row: AccessToken) -> dict[str, Any]:
    return {
        "token": str(row.id),
        "subject": row.subject,
        "kind": row.kind,
        "roles": list(row.roles),
        "hash": row.hash,
        "expires_at": utc_text(row.expires_at),
    }


def _code_facts(row: LoginCode) -> dict[str, Any]:
    return {"code": str(row.id), "subject": row.subject, "hash": row.hash, "expires_at": utc_text(row.expires_at)}


def _session_facts(row: WebSession) -> dict[str, Any]:
    return {
        "session": str(row.id),
        "subject": row.subject,
        "groups": list(row.groups),
        "method": row.method,
        "hash": row.hash,
        "expires_at": utc_text(row.expires_at),
    }
