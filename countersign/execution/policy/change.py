"""Changing the policy on record: a version is proposed, signed by administrators, and activated.

Everything is checked before it is put on record, so that what is there and does not verify was put there otherwise.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlmodel import Session

from countersign.errors import (
    ConfigurationError,
    ForeignKey,
    InvalidInput,
    NotApproved,
    PolicyNotTrusted,
    SignatureRefused,
)
from countersign.execution.policy.in_force import pinned_administrators, recorded_signatures, version_of
from countersign.policy.administrators import FILE, Administrator, Administrators, administrators_text
from countersign.policy.entering import first_text, with_signer
from countersign.policy.keys import generate_ed25519, key_id_of, load_private_key, public_text
from countersign.policy.loading import load_policy
from countersign.policy.names import identity, require_seen
from countersign.policy.signers import Signer
from countersign.policy.versions import (
    PolicyVersion,
    Verified,
    VersionSignature,
    require_quorum,
    require_workable,
    sign_version,
    verify_version,
)
from countersign.records import audit, refusals
from countersign.records.database.engine import clock
from countersign.records.policy_versions import (
    activate_version,
    add_policy_signature,
    add_version,
    get_version,
    lock_versions,
)
from countersign.records.tables.policy import AUTHOR_LIMIT, REASON_LIMIT
from countersign.secret_files import read_secret_file, write_secret_file
from countersign.settings import Settings

KEY_FILE = "policy-administrator.key"
"""The private key of this machine's administrator, in the trust folder, where it has one."""


@dataclass(frozen=True)
class OwnKey:
    """An administrator's private key and the name that is pinned for it."""

    administrator: str
    key: Ed25519PrivateKey


def propose(session: Session, document: str, *, author: str, reason: str, source: str = "policy") -> PolicyVersion:
    """Put `document` on record as the next version; it decides nothing until it is signed and activated.

    Raises ConfigurationError naming the field and the line, InvalidInput, PolicyNotTrusted (the last version on
    record is not what was proposed, so nothing can be built on it).
    """
    require_workable(load_policy(document, source=source), source=source)
    for field, value, limit in (("author", author, AUTHOR_LIMIT), ("reason", reason, REASON_LIMIT)):
        require_seen(value, field=field, line_breaks=False)
        if not value.strip() or len(value) > limit:
            raise InvalidInput(f"{field}: {len(value)} characters; between 1 and {limit} are accepted")
    last = lock_versions(session)
    number, previous_hash = 1, None
    if last is not None:
        assert last.number is not None
        number, previous_hash = last.number + 1, last.hash
        if version_of(get_version(session, last.number)).hash != last.hash:
            raise PolicyNotTrusted(
                f"version {last.number} of the policy was changed on record after it was proposed",
                hint="find out who changed it (`countersign policy check`), and restore it",
            )
    version = PolicyVersion(number, document, previous_hash, author, reason, clock(session))
    add_version(
        session,
        number=number,
        document=document,
        hash=version.hash,
        previous_hash=previous_hash,
        author=author,
        reason=reason,
        proposed_at=version.proposed_at,
    )
    return version


def sign(session: Session, number: int, own: OwnKey, administrators: Administrators) -> Verified:
    """Sign version `number` and return whose signatures count now.

    Raises NotFound, InvalidInput (signed already), PolicyNotTrusted (it was changed after it was proposed).
    """
    made = sign_version(unchanged_version(session, number), administrator=own.administrator, key=own.key)
    return record_signature(session, number, made, administrators)


def record_signature(
    session: Session, number: int, made: VersionSignature, administrators: Administrators
) -> Verified:
    """Record a signature that was made anywhere, once it is known to count, and return whose signatures count now.

    Raises NotFound, InvalidInput (that administrator has signed), SignatureRefused (it would not count),
    PolicyNotTrusted (the version was changed after it was proposed).
    """
    version = unchanged_version(session, number)
    found = verify_version(version, [made], administrators)
    if not found.administrators:
        raise SignatureRefused(
            f"the signature on version {number} of the policy would not count: {'; '.join(found.not_counted)}",
            hint="an administrator who is pinned signs what is on record, under the name that is pinned",
        )
    before = verify_version(version, recorded_signatures(session, number), administrators)
    if identity(made.administrator) in map(identity, before.administrators):
        raise InvalidInput(
            f"{made.administrator} has signed version {number} of the policy already, and counts once",
            hint="another administrator has to sign it, or it can be activated",
        )
    add_policy_signature(
        session,
        number=number,
        hash=version.hash,
        administrator=made.administrator,
        key_id=made.key_id,
        value=made.value,
    )
    return verify_version(version, recorded_signatures(session, number), administrators)


@contextmanager
def refusals_told(engine: Engine, number: int, *, by: str) -> Iterator[None]:
    """Put on the audit that somebody was refused a part in the policy, in a transaction of its own."""
    try:
        yield
    except (NotApproved, ForeignKey, SignatureRefused, PolicyNotTrusted) as error:
        event, details = audit.Event.POLICY_REFUSED, {"version": number}
        refusals.tell(engine, error, event=event, actor=by, details=details)
        raise


def require_record(settings: Settings) -> None:
    """Raise ConfigurationError where the policy is a file, so that the record decides nothing."""
    if settings.policy_file is not None:
        raise ConfigurationError(
            f"the policy is the file {settings.policy_file}, so the record decides nothing here",
            hint="change the file; or unset COUNTERSIGN_POLICY_FILE everywhere, and propose it",
        )


def activate(session: Session, number: int, administrators: Administrators, *, by: str) -> Verified:
    """Put version `number` in force.

    Raises NotFound, NotApproved (the quorum is not reached), InvalidInput (a later one is in force),
    ConfigurationError (it is no policy that works), PolicyNotTrusted.
    """
    version = unchanged_version(session, number)
    verified = verify_version(version, recorded_signatures(session, number), administrators)
    require_quorum(number, verified)
    source = f"policy, version {number}"
    require_workable(load_policy(version.document, source=source), source=source)
    activate_version(session, number, by=by)
    return verified


@dataclass(frozen=True)
class Published:
    """What became of a text that was proposed and signed with one key."""

    version: PolicyVersion
    verified: Verified

    @property
    def is_in_force(self) -> bool:
        """Whether that key was enough."""
        return self.verified.suffices

    @property
    def said(self) -> str:
        """A clause for people."""
        number, have = self.version.number, len(self.verified.administrators)
        if self.is_in_force:
            return f"version {number} of the policy, which is in force now"
        return (
            f"proposed as version {number} of the policy, signed by {have} of {self.verified.quorum} administrators; "
            f"the others: countersign policy sign {number}, then countersign policy activate {number}"
        )


def publish(
    session: Session, document: str, *, author: str, reason: str, own: OwnKey, pinned: Administrators
) -> Published:
    """Propose `document`, sign it with one administrator's key, and activate it where that is enough.

    Raises what `propose`, `sign` and `activate` raise.
    """
    version = propose(session, document, author=author, reason=reason)
    verified = sign(session, version.number, own, pinned)
    if verified.suffices:
        activate(session, version.number, pinned, by=author)
    return Published(version, verified)


def first_policy(session: Session, trust_dir: Path | None, *, name: str) -> bool:
    """Put a first policy in force where there is none, and return whether it was done.

    It is signed with this machine's administrator's key, and that administrator is its only signer. Nothing is done
    where the administrators are pinned and none of them has a key here. Raises ConfigurationError.
    """
    if lock_versions(session) is not None or (trust_dir is not None and not (trust_dir / KEY_FILE).exists()):
        return False
    pinned = pinned_administrators(trust_dir)
    own = machines_key(trust_dir, pinned)
    text = with_signer(
        first_text(own.administrator), Signer(name=own.administrator, ed25519=public_text(own.key.public_key()))
    )
    publish(session, text, author=name, reason="the first policy", own=own, pinned=pinned)
    return True


def unchanged_version(session: Session, number: int) -> PolicyVersion:
    """Return a version, as it was proposed. Raises NotFound, PolicyNotTrusted."""
    row = get_version(session, number)
    version = version_of(row)
    if version.hash != row.hash:
        raise PolicyNotTrusted(
            f"version {number} of the policy was changed on record after it was proposed",
            hint="propose what was meant anew, and find out who changed the record",
        )
    return version


def own_key(key: Ed25519PrivateKey, administrators: Administrators, *, name: str | None = None) -> OwnKey:
    """Return the pinned administrator whose key this is. Raises SignatureRefused, ForeignKey."""
    pinned = administrators.with_key(key_id_of(key.public_key()))
    if pinned is None:
        raise SignatureRefused(
            f"this key ({key_id_of(key.public_key())}) is no pinned administrator's: its signature would not count",
            hint=f"the administrators are {', '.join(administrators.people)}; the file {FILE} in the trust folder "
            "says so, on every machine that reads the policy",
        )
    if name is not None and identity(name) != identity(pinned.name):
        raise ForeignKey(f"this key is not {name}'s but {pinned.name}'s", hint=f"sign as {pinned.name}")
    return OwnKey(pinned.name, key)


def machines_key(trust_dir: Path | None, administrators: Administrators) -> OwnKey:
    """Return the key of this machine's administrator. Raises ConfigurationError, SignatureRefused."""
    pem = SecretStr(read_secret_file(trust_dir, KEY_FILE).decode("ascii", "replace"))
    return own_key(load_private_key(pem), administrators)


def make_administrator(trust_dir: Path | None, name: str) -> bool:
    """Pin `name` as the only administrator, with a new key that is kept in the trust folder; return whether it was
    done. Where administrators are pinned already, they stay. Raises ConfigurationError.
    """
    if trust_dir is not None and (trust_dir / FILE).exists():
        return False
    private, _public = generate_ed25519()
    write_secret_file(trust_dir, KEY_FILE, private.get_secret_value().encode("ascii"))
    # Another process may have been faster: the key that is there is the one whose public half is pinned.
    key = load_private_key(SecretStr(read_secret_file(trust_dir, KEY_FILE).decode("ascii")))
    pinned = Administrators(administrators=(Administrator(name=name, ed25519=public_text(key.public_key())),))
    return write_secret_file(trust_dir, FILE, administrators_text(pinned).encode("utf-8"))
