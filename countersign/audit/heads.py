"""What is kept outside the database: the sealing key, and the last head as a file."""

import os
import secrets
from itertools import count
from pathlib import Path

from sqlmodel import Session

from countersign.audit.notes import ROTATION, Checkpoint, Sealer, Verifier, open_checkpoint, preceded, signer_of
from countersign.errors import ConfigurationError
from countersign.records.audit_tree import rotation_notes
from countersign.secret_files import make_key, read_secret_file
from countersign.settings import Settings

KEY_FILE = "audit-seal.key"
NEXT_FILE = "audit-seal.next"
"""The key that is about to take its place."""
PAST_FILE = "audit-seal.past"
"""Notes of rotations, each after the other."""
HEAD_FILE = "audit-head"


def sealer_of(settings: Settings) -> Sealer:
    """Return the sealing key, with those before it. Raises ConfigurationError where there is none: two would be two
    histories.
    """
    following = next_of(settings)
    successor = None if following is None else following.verifier
    return Sealer(_seed(settings, KEY_FILE), successor=successor, past=past_of(settings))


def next_of(settings: Settings) -> Sealer | None:
    """Return the key that is about to take the sealing key's place, None where none is. Raises ConfigurationError."""
    if settings.trust_dir is None or not (settings.trust_dir / NEXT_FILE).exists():
        return None
    return Sealer(_seed(settings, NEXT_FILE))


def past_of(settings: Settings) -> list[str]:
    """Return the notes of rotations that are kept beside the key. Raises ConfigurationError."""
    if settings.trust_dir is None or not (settings.trust_dir / PAST_FILE).exists():
        return []
    kept = read_secret_file(settings.trust_dir, PAST_FILE).decode("utf-8", "replace")
    return [f"{ROTATION}\n{each.strip()}\n" for each in kept.split(f"{ROTATION}\n") if each.strip()]


def sealer_of_head(settings: Settings, note: str) -> Sealer:
    """Return the key here that has signed the newest head; one that was about to take its predecessor's place, has it
    from then on: its rotation is on record. Raises Tampered, ConfigurationError.
    """
    sealer = sealer_of(settings)
    if signer_of(note, sealer.verifier) == sealer.verifier:
        return sealer
    try:
        take_its_place(settings)
    except ConfigurationError:
        # A folder that is mounted to be read: whoever brings it renames it there.
        return Sealer(_seed(settings, NEXT_FILE), past=past_of(settings))
    return sealer_of(settings)


def take_its_place(settings: Settings) -> None:
    """Make the key that is about to be the sealing key so; harmless where somebody has. Raises ConfigurationError."""
    assert settings.trust_dir is not None
    try:
        (settings.trust_dir / NEXT_FILE).replace(settings.trust_dir / KEY_FILE)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigurationError(
            f"{NEXT_FILE} cannot take the place of {KEY_FILE}: {error.strerror}",
            hint="rename it where the folder comes from",
        ) from None


def _seed(settings: Settings, name: str) -> bytes:
    found = read_secret_file(settings.trust_dir, name)
    try:
        return bytes.fromhex(found.decode("ascii"))
    except ValueError:
        raise ConfigurationError(
            f"{name} in COUNTERSIGN_TRUST_DIR is no key", hint="64 hexadecimal digits; restore it from a copy"
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


def with_predecessors(session: Session, verifier: Verifier) -> Verifier:
    """Return the key with those before it, as the audit's own rows tell: each has signed its successor."""
    return preceded(verifier, [each.note for each in verifier.earlier] + list(rotation_notes(session)))
