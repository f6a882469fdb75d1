"""What a folder has to survive."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Have the disk hold the names in `folder`, too: a file's own fsync holds its content alone. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
