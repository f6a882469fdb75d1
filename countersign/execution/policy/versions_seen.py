"""Which versions of the policy this machine has seen in force: what a database that was put back cannot make unseen.

A version that is taken out of the database leaves an older one that is signed just as well. So each machine keeps a
line for every version that it has believed, in a file that the database cannot reach, and believes none with a lower
number, and no other one with the same number. Lines are only ever added: several processes may do it at once.

Where the folder cannot be written (a mounted secret), the same holds for as long as the process lives.
"""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from countersign.errors import ConfigurationError, PolicyNotTrusted

FILE = "policy-seen"
_LINE = re.compile(rb"(\d{1,9}) ([0-9a-f]{64})")


@dataclass(frozen=True)
class Seen:
    """The newest version that was believed."""

    number: int
    hash: str


class SeenVersions:
    """The file in one trust folder, and what this process remembers of it."""

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / FILE
        self._newest: Seen | None = None

    @property
    def is_kept(self) -> bool:
        """Whether it outlives the process."""
        return self._path is not None and os.access(self._path if self._path.exists() else self._path.parent, os.W_OK)

    def newest(self) -> Seen | None:
        """Return the newest version that was believed here. Raises ConfigurationError."""
        for one in self._lines():
            if self._newest is None or one.number > self._newest.number:
                self._newest = one
        return self._newest

    def require_newest(self, number: int, version_hash: str) -> None:
        """Raise PolicyNotTrusted where a later version, or another one of this number, was believed before."""
        known = self.newest()
        where = "this process" if self._path is None or not self._path.exists() else str(self._path)
        if known is not None and number < known.number:
            raise PolicyNotTrusted(
                f"version {number} of the policy is in force on record, and {where} has seen version {known.number}: "
                "a later one was taken out of the database, or the database was put back",
                hint="restore the later version; or, where the database was put back on purpose, take the lines with "
                f"higher numbers out of {FILE} in the trust folder",
            )
        if known is not None and number == known.number and version_hash != known.hash:
            raise PolicyNotTrusted(
                f"version {number} of the policy is another one than {where} has seen",
                hint="find out who changed the record, and restore it",
            )

    def remember(self, number: int, version_hash: str) -> None:
        """Keep that this version was believed."""
        if self.newest() == Seen(number, version_hash):
            return
        self._newest = Seen(number, version_hash)
        if self._path is None:
            return
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return  # not writable: remembered for as long as this process lives
        try:
            # The line feed before it too: a process may have died in the middle of its line.
            os.write(file, f"\n{number} {version_hash}\n".encode("ascii"))
            os.fsync(file)
        finally:
            os.close(file)

    def _lines(self) -> list[Seen]:
        if self._path is None:
            return []
        try:
            with self._path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                if mode & 0o022:
                    raise ConfigurationError(
                        f"{self._path} can be written by others (mode {mode:o})", hint=f"chmod 600 {self._path}"
                    )
                found = [_LINE.fullmatch(line) for line in file.read().splitlines()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigurationError(
                f"{self._path} cannot be read: {error.strerror}", hint="check its owner"
            ) from None
        return [Seen(int(one[1]), one[2].decode("ascii")) for one in found if one]
