"""What differs between two texts of the policy."""

from dataclasses import dataclass
from difflib import unified_diff

from sqlmodel import Session

from countersign.records.policy_versions import get_version, in_force, versions

NOTHING = "nothing"
"""What a text is called that is not there."""


@dataclass(frozen=True)
class Named:
    """A text of the policy, and what people call it."""

    name: str
    document: str


def version_named(session: Session, number: int) -> Named:
    """Return a version's text. Raises NotFound."""
    return Named(f"version {number}", get_version(session, number).document)


def text_in_force(session: Session) -> Named:
    """Return the text of the version that the record says is in force, or nothing."""
    mark = in_force(session)
    return Named(NOTHING, "") if mark is None or mark.number is None else version_named(session, mark.number)


def last_text(session: Session) -> Named:
    """Return the text of the version that was proposed last, or nothing."""
    rows = versions(session, limit=1)
    return Named(f"version {rows[0].number}", rows[0].document) if rows else Named(NOTHING, "")


def difference(old: Named, new: Named) -> str:
    """Return the lines that differ, as `diff -u` writes them; empty where none do. Pure."""
    lines = unified_diff(old.document.splitlines(), new.document.splitlines(), old.name, new.name, lineterm="")
    return "".join(f"{line}\n" for line in lines)
