"""Playbooks: finding them, making them without twins, and who may run them.

Whoever makes a playbook or adds a version holds one lock for all of them (`lock_playbooks`): "is there one like it"
and "make one" have to be one decision, and it is made seldom.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from countersign.errors import NotFound
from countersign.records.database.identifiers import new_id
from countersign.records.database.storable import clean, clean_json, told
from countersign.records.states import PlaybookChangeKind, PlaybookStatus, VersionOrigin
from countersign.records.tables import Playbook, PlaybookChange, PlaybookVersion
from countersign.texts import text as said

NAME_LIMIT = 120

# Held until the transaction ends. The number is the lock's name in this database.
LOCK_ALL = text("SELECT pg_advisory_xact_lock(7102331)")

# Judge one playbook at a time: of two runs that end together the second sees what the first one showed.
LOCK_ONE = text("SELECT id FROM playbook WHERE id = :id FOR NO KEY UPDATE")

# Make a version the one that is shown and run.
USE_VERSION = text("""
    UPDATE playbook
    SET version = chosen.version, alert = chosen.alert, symptom = chosen.symptom, symptom_hash = chosen.symptom_hash,
        steps = chosen.steps, steps_hash = chosen.steps_hash, updated_at = clock_timestamp()
    FROM playbook_version AS chosen
    WHERE playbook.id = :id AND chosen.playbook_id = :id AND chosen.version = :version
    RETURNING playbook.id
""")

# Approve, deprecate or make a draft of it; nothing where it is that already.
SET_STATUS = text("""
    UPDATE playbook SET status = :status, updated_at = clock_timestamp() WHERE id = :id AND status <> :status
    RETURNING id
""")

SET_TITLE = text("UPDATE playbook SET title = :title, updated_at = clock_timestamp() WHERE id = :id")

# Leave it to people; nothing where it is left to them already.
DEMOTE = text("""
    UPDATE playbook
    SET people_only_since = clock_timestamp(), people_only_reason = :reason, updated_at = clock_timestamp()
    WHERE id = :id AND people_only_since IS NULL
    RETURNING id
""")

# Give it back to the auto-approver.
RESTORE = text("""
    UPDATE playbook
    SET people_only_since = NULL, people_only_reason = NULL, restored_at = clock_timestamp(),
        updated_at = clock_timestamp()
    WHERE id = :id AND people_only_since IS NOT NULL
    RETURNING id
""")

# Undo that; unlike RESTORE it leaves from when on runs count.
TAKE_BACK = text("""
    UPDATE playbook SET people_only_since = NULL, people_only_reason = NULL, updated_at = clock_timestamp()
    WHERE id = :id AND people_only_since IS NOT NULL
    RETURNING id
""")

# Write down who changed what, and why.
NOTE_CHANGE = text("""
    INSERT INTO playbook_change (playbook_id, what, by, reason, at)
    VALUES (:playbook_id, :what, :by, :reason, clock_timestamp())
""")

NEXT_VERSION = text("SELECT coalesce(max(version), 0) + 1 FROM playbook_version WHERE playbook_id = :id")


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a version of a playbook says, with the hashes by which twins are known."""

    alert: str
    symptom: Mapping[str, Any]
    symptom_hash: str
    steps: Mapping[str, Any]
    steps_hash: str


def lock_playbooks(session: Session) -> None:
    """Let nobody else make playbooks or versions until this transaction ends."""
    session.execute(LOCK_ALL)


def lock_playbook(session: Session, playbook_id: UUID) -> Playbook:
    """Let nobody else judge this playbook until the transaction ends, and return it as it is then."""
    session.execute(LOCK_ONE, {"id": playbook_id})
    return session.get_one(Playbook, playbook_id, populate_existing=True)


def find_playbook(session: Session, reference: str) -> Playbook | None:
    """Return the playbook of this name, in upper or lower case, or id; None where there is none."""
    query = select(Playbook).execution_options(populate_existing=True)
    found = session.exec(query.where(col(Playbook.name) == reference.strip().lower())).one_or_none()
    if found is not None:
        return found
    try:
        identifier = UUID(reference.strip())
    except ValueError:
        return None
    return session.get(Playbook, identifier, populate_existing=True)


def get_playbook(session: Session, reference: str) -> Playbook:
    """Return the playbook of this name or id. Raises NotFound."""
    found = find_playbook(session, reference)
    if found is None:
        raise NotFound(
            f"no playbook has the name or id {reference[:120]!r}", hint="`countersign playbooks list` shows all"
        )
    return found


def playbook_with_id(session: Session, playbook_id: UUID) -> Playbook:
    """Return the playbook that a version belongs to."""
    return session.get_one(Playbook, playbook_id, populate_existing=True)


def list_playbooks(
    session: Session, *, status: PlaybookStatus | None = None, alert: str | None = None, limit: int = 500
) -> Sequence[Playbook]:
    """Return playbooks by name, of one status or alert or all."""
    query = select(Playbook)
    if status is not None:
        query = query.where(col(Playbook.status) == status)
    if alert is not None:
        query = query.where(col(Playbook.alert) == alert)
    query = query.order_by(col(Playbook.name)).limit(limit).execution_options(populate_existing=True)
    return session.exec(query).all()


def versions_of(session: Session, playbook_id: UUID) -> Sequence[PlaybookVersion]:
    """Return the playbook's versions in their order."""
    query = select(PlaybookVersion).where(col(PlaybookVersion.playbook_id) == playbook_id)
    return session.exec(query.order_by(col(PlaybookVersion.version))).all()


def version_that_says(session: Session, content: Content) -> PlaybookVersion | None:
    """Return the one version with this symptom and these steps (uq_playbook_version_symptom_steps), if there is."""
    query = select(PlaybookVersion).where(
        col(PlaybookVersion.symptom_hash) == content.symptom_hash,
        col(PlaybookVersion.steps_hash) == content.steps_hash,
    )
    return session.exec(query).one_or_none()


def versions_with_steps(session: Session, steps_hash: str, *, limit: int = 200) -> Sequence[PlaybookVersion]:
    """Return every version that has exactly these steps, whatever its symptom, oldest first."""
    query = select(PlaybookVersion).where(col(PlaybookVersion.steps_hash) == steps_hash)
    return session.exec(query.order_by(col(PlaybookVersion.created_at)).limit(limit)).all()


def versions_for_symptom(
    session: Session, *, alert: str, symptom_hash: str, limit: int = 200
) -> Sequence[PlaybookVersion]:
    """Return every version for this alert, or for this very symptom where no alert is named, oldest first."""
    query = select(PlaybookVersion)
    if alert:
        query = query.where(col(PlaybookVersion.alert) == alert)
    else:
        query = query.where(col(PlaybookVersion.symptom_hash) == symptom_hash)
    return session.exec(query.order_by(col(PlaybookVersion.created_at)).limit(limit)).all()


def changes_of(session: Session, playbook_id: UUID) -> Sequence[PlaybookChange]:
    """Return who changed what about the playbook, in order."""
    query = select(PlaybookChange).where(col(PlaybookChange.playbook_id) == playbook_id)
    return session.exec(query.order_by(col(PlaybookChange.seq))).all()


def create_playbook(
    session: Session,
    *,
    name: str,
    title: str,
    status: PlaybookStatus,
    content: Content,
    origin: VersionOrigin,
    by: str,
    execution_id: UUID | None = None,
) -> Playbook:
    """Make a playbook with its first version. The caller holds `lock_playbooks` and has looked for a twin."""
    playbook = Playbook(id=new_id(), name=name, title=clean(title), status=status, version=1, **_columns(content))
    session.add(playbook)
    session.flush()
    _add_row(session, playbook.id, 1, content, origin=origin, execution_id=execution_id)
    reason = f"{said(f'version_origin.{origin}')}, {said(f'playbook_status.{status}')}"
    note_change(session, playbook.id, PlaybookChangeKind.CREATED, by=by, reason=reason)
    return session.get_one(Playbook, playbook.id, populate_existing=True)


def add_version(
    session: Session,
    playbook: Playbook,
    content: Content,
    *,
    origin: VersionOrigin,
    by: str,
    execution_id: UUID | None = None,
) -> int:
    """Add a version without using it, and return its number. The caller holds `lock_playbooks`."""
    number = int(session.execute(NEXT_VERSION, {"id": playbook.id}).scalar_one())
    _add_row(session, playbook.id, number, content, origin=origin, execution_id=execution_id)
    reason = f"{number}, {said(f'version_origin.{origin}')}"
    note_change(session, playbook.id, PlaybookChangeKind.VERSION_ADDED, by=by, reason=reason)
    return number


def use_version(session: Session, playbook_id: UUID, version: int) -> None:
    """Make `version` the playbook's current one. Raises NotFound."""
    if session.execute(USE_VERSION, {"id": playbook_id, "version": version}).one_or_none() is None:
        raise NotFound(f"the playbook has no version {version}", hint="`countersign playbooks show NAME` lists them")


def set_title(session: Session, playbook_id: UUID, title: str) -> None:
    session.execute(SET_TITLE, {"id": playbook_id, "title": clean(title)})


def set_status(
    session: Session, playbook_id: UUID, status: PlaybookStatus, *, what: PlaybookChangeKind, by: str, reason: str
) -> bool:
    """Give the playbook its status; False where it had it."""
    changed = session.execute(SET_STATUS, {"id": playbook_id, "status": status.value}).one_or_none() is not None
    if changed:
        note_change(session, playbook_id, what, by=by, reason=reason)
    return changed


def demote(session: Session, playbook_id: UUID, *, by: str, reason: str) -> bool:
    """Leave the playbook to people's approval; False where it was."""
    asked = {"id": playbook_id, "reason": told(reason)}
    changed = session.execute(DEMOTE, asked).one_or_none() is not None
    if changed:
        note_change(session, playbook_id, PlaybookChangeKind.DEMOTED, by=by, reason=reason)
    return changed


def restore(session: Session, playbook_id: UUID, *, by: str, reason: str) -> bool:
    """Give the playbook back to the auto-approver; False where nobody had taken it away."""
    changed = session.execute(RESTORE, {"id": playbook_id}).one_or_none() is not None
    if changed:
        note_change(session, playbook_id, PlaybookChangeKind.RESTORED, by=by, reason=reason)
    return changed


def take_back(session: Session, playbook_id: UUID, *, by: str, reason: str) -> bool:
    """Undo `demote`, since it was not due; False where the playbook is not left to people."""
    changed = session.execute(TAKE_BACK, {"id": playbook_id}).one_or_none() is not None
    if changed:
        note_change(session, playbook_id, PlaybookChangeKind.RESTORED, by=by, reason=reason)
    return changed


def note_change(session: Session, playbook_id: UUID, what: PlaybookChangeKind, *, by: str, reason: str) -> None:
    """Write down who changed what."""
    asked = {"playbook_id": playbook_id, "what": what.value, "by": clean(by), "reason": told(reason)}
    session.execute(NOTE_CHANGE, asked)


def _add_row(
    session: Session,
    playbook_id: UUID,
    version: int,
    content: Content,
    *,
    origin: VersionOrigin,
    execution_id: UUID | None,
) -> None:
    session.add(
        PlaybookVersion(
            playbook_id=playbook_id, version=version, origin=origin, execution_id=execution_id, **_columns(content)
        )
    )
    session.flush()


def _columns(content: Content) -> dict[str, Any]:
    return {
        "alert": content.alert,
        "symptom": clean_json(content.symptom),
        "symptom_hash": content.symptom_hash,
        "steps": clean_json(content.steps),
        "steps_hash": content.steps_hash,
    }
