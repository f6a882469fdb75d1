"""What the archive's files hold, and whether they are those that were written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine

from countersign.archive.files import HeldRow, check, rows_about
from countersign.errors import CountersignError, NotFound
from countersign.records import archive as records
from countersign.records.approvals import get_approval
from countersign.records.audit_checks import differences
from countersign.records.audit_sources import ARCHIVE_FILE
from countersign.records.database.engine import transaction
from countersign.records.tables import ArchiveFile

_MOST_DIFFERENCES = 1_000


@dataclass(frozen=True)
class Looked:
    """What was found of one file."""

    name: str
    rows: int
    wrong: str | None
    """None where it is as it was written, and as the audit says."""


def archived_rows(engine: Engine, folder: Path, approval_id: UUID) -> Sequence[HeldRow]:
    """Return what the archive holds of an approval, in the order in which it was written.

    Raises NotFound where there is no such approval, the archive has nothing of it, or a file is not in the folder;
    Tampered.
    """
    with transaction(engine) as session:
        get_approval(session, approval_id)
        named = [records.file_named(session, name) for name in records.files_with(session, approval_id)]
    files = [file for file in named if file is not None]
    if not files:
        raise NotFound(
            f"the archive holds nothing of approval {approval_id}", hint=f"`countersign approvals show {approval_id}`"
        )
    found: list[HeldRow] = []
    for file in files:
        check(folder / file.name, sha256=file.sha256)
        # What was read and did not leave is in the next file, too.
        found += [row for row in rows_about(folder / file.name, approval_id) if row not in found]
    return found


def look_at_all(engine: Engine, folder: Path) -> Sequence[Looked]:
    """Read every file that is on record, and compare it with the record, and the record with the audit.

    Nothing about the audit's own rows: `countersign audit verify` tells that.
    """
    with transaction(engine) as session:
        files = records.files(session)
        differing = differences(session, ARCHIVE_FILE, limit=_MOST_DIFFERENCES)
    told = {each.about: "the audit tells of another file" if each.is_there else "" for each in differing}
    looked = [_look(folder, file, told.get(f"{ARCHIVE_FILE.name}:{file.id}")) for file in files]
    gone = [each.about for each in differing if not each.is_there]
    return [*looked, *(Looked(about, 0, "the audit tells of it, and it is gone from the records") for about in gone)]


def _look(folder: Path, file: ArchiveFile, differs: str | None) -> Looked:
    try:
        found = check(folder / file.name, sha256=file.sha256)
    except CountersignError as error:
        return Looked(file.name, 0, error.message)
    rows = sum(found.rows.values())
    if dict(found.rows) != file.rows:
        return Looked(file.name, rows, "the record tells of other rows")
    return Looked(file.name, rows, differs)
