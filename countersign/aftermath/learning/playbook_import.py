"""Bring playbooks from a file to the records: what is there already stays, what differs becomes a version."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import Session

from countersign.aftermath.learning.playbook_document import Written
from countersign.errors import InvalidInput
from countersign.records.playbooks import (
    add_version,
    create_playbook,
    find_playbook,
    get_playbook,
    lock_playbook,
    lock_playbooks,
    note_change,
    playbook_with_id,
    set_status,
    set_title,
    use_version,
    version_that_says,
    versions_of,
)
from countersign.records.states import PlaybookChangeKind, PlaybookStatus, VersionOrigin
from countersign.records.tables import Playbook


class Came(StrEnum):
    """What an import did with one playbook."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Imported:
    """One playbook of a file, and what was done."""

    name: str
    came: Came
    version: int
    people_only: str | None
    """Why it is left to people; an import does not change that."""


def import_playbooks(session: Session, written: Sequence[Written], *, by: str) -> tuple[Imported, ...]:
    """Make the records say what the file says: all of it, or nothing. A second time changes nothing.

    Raises InvalidInput where a playbook of another name says the same.
    """
    lock_playbooks(session)
    return tuple(_import(session, one, by=by) for one in written)


def _import(session: Session, written: Written, *, by: str) -> Imported:
    _refuse_twin(session, written)
    known = find_playbook(session, written.name)
    if known is None or known.name != written.name:
        made = create_playbook(
            session,
            name=written.name,
            title=written.title,
            status=written.status,
            content=written.said.content,
            origin=VersionOrigin.IMPORTED,
            by=by,
        )
        return Imported(made.name, Came.CREATED, made.version, None)
    playbook = lock_playbook(session, known.id)
    changed = [_content(session, playbook, written, by=by), _title(session, playbook, written, by=by)]
    changed.append(_status(session, playbook, written.status, by=by))
    now = get_playbook(session, written.name)
    came = Came.CHANGED if any(changed) else Came.UNCHANGED
    return Imported(now.name, came, now.version, now.people_only_reason)


def _content(session: Session, playbook: Playbook, written: Written, *, by: str) -> bool:
    content = written.said.content
    if (playbook.symptom_hash, playbook.steps_hash) == (content.symptom_hash, content.steps_hash):
        return False
    for version in versions_of(session, playbook.id):
        if (version.symptom_hash, version.steps_hash) == (content.symptom_hash, content.steps_hash):
            number = version.version
            break
    else:
        number = add_version(session, playbook, content, origin=VersionOrigin.IMPORTED, by=by)
    use_version(session, playbook.id, number)
    note_change(session, playbook.id, PlaybookChangeKind.IMPORTED, by=by, reason=f"version {number} is used")
    return True


def _title(session: Session, playbook: Playbook, written: Written, *, by: str) -> bool:
    if playbook.title == written.title:
        return False
    set_title(session, playbook.id, written.title)
    note_change(session, playbook.id, PlaybookChangeKind.IMPORTED, by=by, reason="title")
    return True


def _status(session: Session, playbook: Playbook, status: PlaybookStatus, *, by: str) -> bool:
    what = {
        PlaybookStatus.APPROVED: PlaybookChangeKind.APPROVED,
        PlaybookStatus.DEPRECATED: PlaybookChangeKind.DEPRECATED,
        PlaybookStatus.DRAFT: PlaybookChangeKind.IMPORTED,
    }[status]
    return set_status(session, playbook.id, status, what=what, by=by, reason=f"imported as {status.value}")


def _refuse_twin(session: Session, written: Written) -> None:
    version = version_that_says(session, written.said.content)
    if version is None:
        return
    other = playbook_with_id(session, version.playbook_id)
    if other.name != written.name:
        raise InvalidInput(
            f"{written.name}: playbook {other.name} (version {version.version}) has this symptom and these steps "
            "already",
            hint=f"name it {other.name}, or change symptom or steps",
        )
