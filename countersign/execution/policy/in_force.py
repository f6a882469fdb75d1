"""Reading the policy that is in force, and believing it only if it is what its administrators signed.

There are two places, and a setting says which one counts (docs/decisions/the-policy-is-a-record.md): the record,
whose every reading is verified against the administrators that are pinned outside the database; or, where
COUNTERSIGN_POLICY_FILE names one, a file that nobody but its owner can write. The other one decides nothing then.
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Protocol

from sqlalchemy import Engine
from sqlmodel import Session

from countersign.errors import ConfigurationError, PolicyNotTrusted
from countersign.execution.policy.versions_seen import SeenVersions
from countersign.policy.administrators import FILE, Administrators, load_administrators
from countersign.policy.document import Policy
from countersign.policy.loading import default_policy, load_policy, read_policy_file
from countersign.policy.versions import (
    PolicyVersion,
    VersionSignature,
    document_hash,
    require_in_force,
    verify_version,
)
from countersign.records import audit
from countersign.records.database.engine import statements, transaction
from countersign.records.policy_versions import PolicyMark, get_version, in_force, signatures_on
from countersign.records.tables import PolicyVersionRow
from countersign.secret_files import read_secret_file
from countersign.settings import Settings


@dataclass(frozen=True)
class InForce:
    """The policy that is in force, and which one it is."""

    policy: Policy
    document: str
    """Its text."""
    mark: PolicyMark | None
    """None where there is no policy yet: then nothing can be approved."""
    administrators: tuple[str, ...] = ()
    """Whose signatures on it count."""


NOTHING = InForce(default_policy(), "", None)


class PolicySource(Protocol):
    """Where the policy is read from."""

    def read(self) -> InForce:
        """Return the policy as it is at this moment; cheap, so that it can be asked before every intent.

        Raises PolicyNotTrusted, ConfigurationError (it cannot be read at all), DatabaseUnavailable.
        """

    def mark_of(self, policy: Policy) -> PolicyMark | None:
        """Return which one `policy` is, if it is the one that was read last."""


def policy_source(settings: Settings, engine: Engine) -> PolicySource:
    """Return the place that the settings say counts."""
    if settings.policy_file is not None:
        return PolicyFile(settings.policy_file)
    return PolicyOnRecord(engine, settings.trust_dir)


class PolicyOnRecord:
    """The record. What was verified once is not verified again while version and administrators stay the same."""

    def __init__(self, engine: Engine, trust_dir: Path | None) -> None:
        self._engine = engine
        self._trust_dir = trust_dir
        self._seen = SeenVersions(trust_dir)
        self._lock = Lock()
        self._known: tuple[PolicyMark, bytes, InForce] | None = None
        self._told: set[str] = set()

    def read(self) -> InForce:
        """Return the policy in force. Raises what PolicySource.read raises."""
        try:
            with statements(self._engine) as session:
                mark = in_force(session)
                with self._lock:
                    return self._believed(session, mark)
        except PolicyNotTrusted as error:
            self._tell(error)
            raise

    def mark_of(self, policy: Policy) -> PolicyMark | None:
        """Return which one `policy` is, if it is the one that was read last."""
        known = self._known
        return known[2].mark if known is not None and known[2].policy is policy else None

    def _tell(self, error: PolicyNotTrusted) -> None:
        """Append what was found to the audit, once in this process, though it is found at every reading."""
        with self._lock:
            if error.message in self._told:
                return
            self._told.add(error.message)
        with transaction(self._engine) as session:
            audit.record(session, audit.Event.TAMPERING_POLICY, details={"found": [error.message]})

    def _believed(self, session: Session, mark: PolicyMark | None) -> InForce:
        if mark is None or mark.number is None:
            if self._seen.newest() is not None:
                self._seen.require_newest(0, "")
            return NOTHING
        pinned = read_secret_file(self._trust_dir, FILE)
        self._seen.require_newest(mark.number, mark.hash)
        if self._known is not None and self._known[:2] == (mark, sha256(pinned).digest()):
            return self._known[2]
        administrators = load_administrators(_text(pinned), source=FILE)
        found = verified_version(session, mark, administrators)
        self._seen.remember(mark.number, mark.hash)
        self._known = (mark, sha256(pinned).digest(), found)
        return found


class PolicyFile:
    """A file. It is parsed again when its text has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: InForce | None = None

    def read(self) -> InForce:
        """Return the file's policy. Raises ConfigurationError naming the file."""
        text = read_own_file(self._path)
        mark = PolicyMark(None, document_hash(text))
        known = self._known
        if known is None or known.mark != mark:
            self._known = known = InForce(load_policy(text, source=str(self._path)), text, mark)
        return known

    def mark_of(self, policy: Policy) -> PolicyMark | None:
        """Return which one `policy` is, if it is the one that was read last."""
        known = self._known
        return known.mark if known is not None and known.policy is policy else None


def pinned_administrators(trust_dir: Path | None) -> Administrators:
    """Return the pinned administrators. Raises ConfigurationError: no file, one that others may read, a mistake."""
    return load_administrators(_text(read_secret_file(trust_dir, FILE)), source=FILE)


def verified_version(session: Session, mark: PolicyMark, administrators: Administrators) -> InForce:
    """Read a version, verify its signatures and that it follows the one before it, and parse it.

    Raises PolicyNotTrusted, ConfigurationError naming the field and the line.
    """
    assert mark.number is not None
    row = get_version(session, mark.number)
    version = version_of(row)
    verified = verify_version(version, recorded_signatures(session, mark.number), administrators)
    require_in_force(version, verified, recorded_hash=mark.hash)
    if mark.number > 1 and version_of(get_version(session, mark.number - 1)).hash != version.previous_hash:
        raise PolicyNotTrusted(
            f"version {mark.number - 1} of the policy is not the one that version {mark.number} was signed after",
            hint="nothing is executed; find out who changed the record (`countersign policy check`), and restore it",
        )
    policy = load_policy(version.document, source=f"policy, version {mark.number}")
    return InForce(policy, version.document, mark, verified.administrators)


def version_of(row: PolicyVersionRow) -> PolicyVersion:
    """Return a row as the value that is signed."""
    return PolicyVersion(row.number, row.document, row.previous_hash, row.author, row.reason, row.proposed_at)


def recorded_signatures(session: Session, number: int) -> Sequence[VersionSignature]:
    """Return the signatures on a version as the policy reads them."""
    return [VersionSignature(row.administrator, row.key_id, row.value) for row in signatures_on(session, number)]


def read_own_file(path: Path) -> str:
    """Return the text of a policy's file that decides. Raises ConfigurationError naming the file."""

    def require_own(status: os.stat_result) -> None:
        # Whoever can write it can do everything: it may be root's or this user's, and no one else's.
        if status.st_uid not in (0, os.geteuid()) or stat.S_IMODE(status.st_mode) & 0o022:
            raise ConfigurationError(
                f"the policy file {path} can be written by others than this user (mode "
                f"{stat.S_IMODE(status.st_mode):o}, owner {status.st_uid})",
                hint=f"chmod go-w {path}, and let it belong to this user or to root",
            )

    return read_policy_file(path, require=require_own)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{FILE} is not UTF-8 text", hint="save it as UTF-8") from None
