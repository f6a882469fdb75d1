"""Files and folders for the user who runs Countersign and nobody else, whatever umask it was started with."""

import errno
import os
from pathlib import Path

OWNER_ALONE = 0o600
UMASK = 0o077
"""What processes that are started may give to nobody but their user."""


def write_private(file: Path, content: str | bytes) -> None:
    """Write `file`, or write it anew; its owner alone can read it from its first moment. Raises OSError."""
    with os.fdopen(private_descriptor(file, os.O_WRONLY | os.O_TRUNC), "wb") as opened:
        opened.write(content.encode("utf-8") if isinstance(content, str) else content)


def private_descriptor(file: Path, flags: int) -> int:
    """Open `file`, made if need be, with os.open's `flags`; from then on its owner alone can read it."""
    # Not through a link: whoever could put one here must not choose what is written.
    descriptor = os.open(file, flags | os.O_CREAT | os.O_NOFOLLOW, OWNER_ALONE)
    os.fchmod(descriptor, OWNER_ALONE)
    return descriptor


def make_private_folder(folder: Path, *, passing_group: int | None = None) -> None:
    """Make `folder` its owner's alone. Members of the group `passing_group` may pass through it, and list nothing.

    Raises OSError where it cannot be made, or is another user's.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        # Root may do everything in it, and so may whoever made it.
        raise PermissionError(errno.EPERM, "it is another user's", str(folder))
    if passing_group is not None:
        os.chown(folder, -1, passing_group)
    folder.chmod(0o700 if passing_group is None else 0o710)
