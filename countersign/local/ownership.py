"""One supervisor per data folder: a lock that the kernel gives back when its holder dies, however it dies."""

import fcntl
import os
from pathlib import Path

from countersign.errors import ConfigurationError


class Ownership:
    """The exclusive right to run the server of one data folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "owner.lock"
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object is the owner."""
        return self._descriptor is not None

    def take(self) -> None:
        """Become the owner. Raises ConfigurationError naming the process that already is."""
        # Not inherited by the server (PEP 446), so the lock ends with this process alone.
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise ConfigurationError(
                f"{self._path.parent} is in use by process {owner}",
                hint="stop that process, or choose another folder (COUNTERSIGN_STATE_DIR)",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def give_up(self) -> None:
        """Let another process own the folder. Harmless when this one does not."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
