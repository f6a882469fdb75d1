"""Where unix sockets go: their paths may have at most 107 bytes (sun_path), however deep the project lies."""

import hashlib
import os
import stat
from pathlib import Path

from countersign.errors import ConfigurationError

SOCKET_PATH_LIMIT = 107
"""Bytes, sockaddr_un.sun_path of Linux without its final NUL."""


def socket_folder(beside: Path, *, longest_name: str) -> Path:
    """Return a folder, not made yet, in which a socket called `longest_name` has a short enough path.

    That is `beside` itself where it is short, else a folder under the user's runtime directory or /tmp,
    named after `beside`, so that every process computes the same one.
    """
    beside = beside.resolve()
    if _fits(beside / longest_name):
        return beside
    name = "countersign-" + hashlib.sha256(f"{os.geteuid()}:{beside}".encode()).hexdigest()[:16]
    for root in (os.environ.get("XDG_RUNTIME_DIR"), "/tmp"):  # noqa: S108 - made private below
        if root and Path(root).is_dir() and os.access(root, os.W_OK) and _fits(Path(root) / name / longest_name):
            return Path(root) / name
    raise ConfigurationError(
        f"no folder is short enough for a socket called {longest_name}",
        hint="set XDG_RUNTIME_DIR to a short, writable folder",
    )


def make_private(folder: Path, *, owner: int | None = None) -> None:
    """Make `folder` with mode 0700 for `owner` (default: this user).

    Raises ConfigurationError if it exists and belongs to somebody else: whoever owns the folder could
    answer in the server's place.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = os.geteuid() if owner is None else owner
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), owner):
        raise ConfigurationError(f"{folder} belongs to another user", hint="remove it, or choose another folder")
    os.chown(folder, owner, -1)
    folder.chmod(0o700)


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= SOCKET_PATH_LIMIT
