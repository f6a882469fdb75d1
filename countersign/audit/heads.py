"""What is kept outside the database: the sealing key, and the last head as a file."""

import os
import secrets
from itertools import count
from pathlib import Path

from countersign.audit.notes import Checkpoint, Sealer, Verifier, open_checkpoint
from countersign.errors import ConfigurationError
from countersign.secret_files import make_key, read_secret_file
from countersign.settings import Settings

KEY_FILE = "audit-seal.key"
HEAD_FILE = "audit-head"


def sealer_of(settings: Settings) -> Sealer:
    """Return the sealing key. Raises ConfigurationError where there is none: two would be two histories."""
    found = read_secret_file(settings.trust_dir, KEY_FILE)
    try:
        return Sealer(bytes.fromhex(found.decode("ascii")))
    except ValueError:
        raise ConfigurationError(
            f"{KEY_FILE} in COUNTERSIGN_TRUST_DIR is no key", hint="64 hexadecimal digits; restore it from a copy"
        ) from None


def make_sealing_key(folder: Path) -> None:
    """Make the sealing key in the trust folder, unless it has one. Raises ConfigurationError."""
    make_key(folder, KEY_FILE)


def head_path(settings: Settings) -> Path:
    """Return where the head is kept. Raises ConfigurationError where no folder is known."""
    if settings.audit_head_file is not None:
        return settings.audit_head_file
    if settings.trust_dir is None:
        raise ConfigurationError(
            "there is no place for the audit's head",
            hint="set COUNTERSIGN_TRUST_DIR, or COUNTERSIGN_AUDIT_HEAD_FILE to a file outside the database",
        )
    return settings.trust_dir / HEAD_FILE


def read_note(path: Path) -> str | None:
    """Return the saved head as it is, None where there is none. Raises ConfigurationError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the audit's head {path} cannot be read: {error}") from None


def read_head(path: Path, verifier: Verifier) -> Checkpoint | None:
    """Return what the saved head says, None where there is none. Raises Tampered, ConfigurationError."""
    note = read_note(path)
    return None if note is None else open_checkpoint(note, verifier)


def put_aside(path: Path) -> Path:
    """Rename the saved head to a name that no other has, and return that."""
    kept = next(each for number in count(1) if not (each := path.with_name(f"{path.name}.{number}")).exists())
    return path.rename(kept)


def write_head(path: Path, note: str) -> None:
    """Replace the saved head, whole or not at all. Raises ConfigurationError."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("x", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ConfigurationError(
            f"the audit's head {path} cannot be written: {error.strerror}",
            hint="COUNTERSIGN_AUDIT_HEAD_FILE names a file that this user may write",
        ) from None
