"""What a person decides about a playbook: it is approved, in one of its versions, deprecated, or given back."""

from dataclasses import dataclass

from sqlmodel import Session

from countersign.errors import InvalidInput
from countersign.records import playbooks
from countersign.records.playbooks import get_playbook, lock_playbook, note_change, set_status, use_version
from countersign.records.states import PlaybookChangeKind, PlaybookStatus
from countersign.records.tables import Playbook


@dataclass(frozen=True)
class Decided:
    """The playbook as it is now, and whether anything of it was changed."""

    playbook: Playbook
    changed: bool = True


def approve(session: Session, reference: str, *, by: str, reason: str = "", version: int | None = None) -> Decided:
    """Approve a playbook, or another version of it. Raises NotFound."""
    playbook = lock_playbook(session, get_playbook(session, reference).id)
    what, other = PlaybookChangeKind.APPROVED, version is not None and version != playbook.version
    if version is not None and other:
        use_version(session, playbook.id, version)
        why = f"version {version}" + (f": {reason}" if reason else "")
        note_change(session, playbook.id, what, by=by, reason=why)
    changed = set_status(session, playbook.id, PlaybookStatus.APPROVED, what=what, by=by, reason=reason)
    return Decided(get_playbook(session, reference), changed or other)


def deprecate(session: Session, reference: str, *, by: str, reason: str) -> Decided:
    """Take a playbook out of use; what it said and showed stays on record. Raises NotFound."""
    playbook = lock_playbook(session, get_playbook(session, reference).id)
    status, what = PlaybookStatus.DEPRECATED, PlaybookChangeKind.DEPRECATED
    changed = set_status(session, playbook.id, status, what=what, by=by, reason=reason)
    return Decided(get_playbook(session, reference), changed)


def restore(session: Session, reference: str, *, by: str, reason: str) -> Decided:
    """Give a playbook that was left to people back to the auto-approver. Raises NotFound, InvalidInput."""
    if not reason.strip():
        raise InvalidInput("reason: must not be empty", hint="say what is different now")
    playbook = lock_playbook(session, get_playbook(session, reference).id)
    changed = playbooks.restore(session, playbook.id, by=by, reason=reason)
    return Decided(get_playbook(session, reference), changed)
