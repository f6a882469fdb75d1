"""One file of the archive: gzip over lines of JSON, the first about the file, the last with what it should hold.

{"form": "countersign-archive-1", "month": "2026-08"}
{"approval":"0198…","table":"timeline_event","row":{…}}     one for each row, as PostgreSQL spells it
{"end": {"rows": {"timeline_event": 1}, "sha256": "…"}}     over the lines before it, unpacked
"""

import gzip
import hashlib
import json
import os
import re
import secrets
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO
from uuid import UUID

from countersign.errors import ConfigurationError, NotFound, Tampered
from countersign.folders import sync_folder
from countersign.private_files import make_private_folder, private_descriptor
from countersign.records.archive_rows import TABLES, StoredRow

FORM = "countersign-archive-1"
_LINE = re.compile(r'\{"approval":(?:null|"([0-9a-f-]{36})"),"table":"([a-z_]+)","row":(\{.*\})\}\n')
_DRAFT = ".countersign-archive-"


@dataclass(frozen=True)
class HeldRow:
    """One row that a file holds."""

    table: str
    approval_id: UUID | None
    content: str
    """JSON, as it was in the table."""


@dataclass(frozen=True)
class Written:
    """What a file holds, as it was read back from the disk."""

    sha256: str
    size: int
    rows: Mapping[str, int]


def name_of(month: date, number: int) -> str:
    """Return the name of a month's file; there is a further one for what closes later."""
    return f"countersign-{month:%Y-%m}-{number}.jsonl.gz"


class Draft:
    """A file that is being written under another name. It counts once it is `kept`."""

    def __init__(self, folder: Path, month: date) -> None:
        """Raises ConfigurationError where the folder cannot be written."""
        self._folder = folder
        self._path = folder / f"{_DRAFT}{secrets.token_hex(8)}"
        try:
            make_private_folder(folder)
            self._raw: IO[bytes] = os.fdopen(private_descriptor(self._path, os.O_WRONLY | os.O_EXCL), "wb")
        except OSError as error:
            raise _unwritable(folder, error) from None
        # Without name and time: the same rows are the same bytes.
        self._packed = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, mtime=0)
        self._digest = hashlib.sha256()
        self._rows: Counter[str] = Counter()
        self.size = 0
        """Bytes, unpacked."""
        self._line(json.dumps({"form": FORM, "month": f"{month:%Y-%m}"}))

    def add(self, row: StoredRow) -> None:
        """Add a row. Raises ConfigurationError where the disk is full."""
        approval = "null" if row.approval_id is None else f'"{row.approval_id}"'
        self._line(f'{{"approval":{approval},"table":"{row.table}","row":{row.content}}}')
        self._rows[row.table] += 1

    def keep(self, name: str) -> Written:
        """Have the disk hold it under `name`, read it back, and return what is there.

        A file of this name that no record tells of, as a killed process leaves it, is replaced. Raises
        ConfigurationError, and Tampered where what is read is not what was written.
        """
        end = json.dumps({"end": {"rows": dict(self._rows), "sha256": self._digest.hexdigest()}})
        self._line(end)
        path = self._folder / name
        try:
            self._packed.close()
            self._raw.flush()
            os.fsync(self._raw.fileno())
            self._raw.close()
            self._path.replace(path)
            sync_folder(self._folder)
        except OSError as error:
            raise _unwritable(path, error) from None
        found = check(path)
        if found.rows != self._rows:
            raise Tampered(f"{path} does not hold what was written", hint="nothing was deleted; look at the disk")
        return found

    def drop(self) -> None:
        """Forget it; harmless once it is kept."""
        self._raw.close()
        self._path.unlink(missing_ok=True)

    def _line(self, line: str) -> None:
        written = f"{line}\n".encode()
        self._digest.update(written)
        self.size += len(written)
        try:
            self._packed.write(written)
        except OSError as error:
            raise _unwritable(self._folder, error) from None


def drop_drafts(folder: Path) -> None:
    """Remove what killed processes left. Nobody else may be writing."""
    for path in folder.glob(f"{_DRAFT}*"):
        path.unlink(missing_ok=True)


def check(path: Path, *, sha256: str | None = None) -> Written:
    """Read the whole file and return what it holds.

    Raises NotFound where it is not there, Tampered where it is not whole, not as it was written, or not the one with
    this `sha256`.
    """
    digest = sha256_of_file(path)
    if sha256 is not None and digest != sha256:
        raise Tampered(
            f"{path} is not the file that was written: its SHA-256 is {digest}, and was {sha256}",
            hint="bring the file back from a copy",
        )
    rows = Counter(row.table for row in held_rows(path))
    return Written(digest, path.stat().st_size, dict(rows))


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of the file as it lies there. Raises NotFound, ConfigurationError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise NotFound(
            f"{path} is not there", hint="name the archive's folder: --dir, or COUNTERSIGN_ARCHIVE_DIR"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None


def held_rows(path: Path) -> Iterator[HeldRow]:
    """Read the rows one by one; their number and digest are checked at the end. Raises Tampered."""
    digest, rows = hashlib.sha256(), Counter[str]()
    end: dict[str, object] | None = None
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            first = next(file, "")
            if _object(first).get("form") != FORM:
                raise Tampered(f"{path} is no archive of a form that this version reads")
            digest.update(first.encode())
            for line in file:
                if end is not None:
                    raise Tampered(f"{path} goes on after its end")
                row = _LINE.fullmatch(line)
                if row is None:
                    found = _object(line).get("end")
                    if not isinstance(found, dict):
                        raise Tampered(f"{path} has a line that is no row of an archive")
                    end = found
                    continue
                digest.update(line.encode())
                if row[2] not in TABLES:
                    raise Tampered(f"{path} holds rows of {row[2]}, which do not move")
                rows[row[2]] += 1
                yield HeldRow(row[2], None if row[1] is None else UUID(row[1]), row[3])
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise Tampered(f"{path} cannot be unpacked: {error}", hint="bring the file back from a copy") from None
    if end is None or end.get("rows") != dict(rows) or end.get("sha256") != digest.hexdigest():
        raise Tampered(f"{path} does not hold what its last line says", hint="bring the file back from a copy")


def rows_about(path: Path, approval_id: UUID) -> Sequence[HeldRow]:
    """Return the rows of an approval, after the whole file was read. Raises Tampered."""
    return [row for row in held_rows(path) if row.approval_id == approval_id]


def _object(line: str) -> dict[str, object]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"the archive {path} cannot be written: {error.strerror}", hint="name a folder of this user's with --dir"
    )
