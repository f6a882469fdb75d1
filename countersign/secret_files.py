"""Keys and pinned names that must be in no database: small files in one folder, readable by their owner alone.

Whoever holds the database or Prefect can neither read nor replace what is here, so what is made with these keys
(the plan's seal, the audit's checkpoints) and what is pinned here (the policy's administrators) counts against them.
"""

import os
import secrets
import stat
from pathlib import Path

from countersign.errors import ConfigurationError

KEY_BYTES = 32


def read_secret_file(folder: Path | None, name: str) -> bytes:
    """Return what `folder`/`name` holds, without white space around it.

    Raises ConfigurationError: no folder, no such file, one that others may read or write, one that is empty.
    """
    path = _in(folder, name)
    try:
        with path.open("rb") as file:
            _refuse_shared(path, os.fstat(file.fileno()))
            content = file.read().strip()
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path} is missing", hint="run `countersign trust init`, or mount the folder that has it"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", hint="check its owner") from None
    if not content:
        raise ConfigurationError(f"{path} is empty", hint="restore it from a copy; it cannot be made anew")
    return content


def write_secret_file(folder: Path | None, name: str, content: bytes) -> bool:
    """Write `folder`/`name`, mode 600, unless it is there. Return whether it was written.

    Raises ConfigurationError where the folder cannot be written.
    """
    path = _in(folder, name)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Written whole under another name first: a process that dies leaves no half key.
        draft = path.with_name(f".{name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
        finally:
            draft.unlink()
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}",
            hint="name a folder of this user's in COUNTERSIGN_TRUST_DIR",
        ) from None
    return True


def replace_secret_file(folder: Path | None, name: str, content: bytes) -> None:
    """Write `folder`/`name`, mode 600, in one step, in the place of what is there. Raises ConfigurationError."""
    path = _in(folder, name)
    draft = f".{name}.{secrets.token_hex(8)}"
    write_secret_file(folder, draft, content)
    try:
        path.with_name(draft).replace(path)
    except OSError as error:
        path.with_name(draft).unlink(missing_ok=True)
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}", hint="check its owner") from None


def make_key(folder: Path | None, name: str) -> bytes:
    """Return the key in `folder`/`name`, 64 hexadecimal digits, made at random where there is none yet.

    Raises ConfigurationError.
    """
    write_secret_file(folder, name, secrets.token_hex(KEY_BYTES).encode("ascii") + b"\n")
    return read_secret_file(folder, name)


def _in(folder: Path | None, name: str) -> Path:
    if folder is None:
        raise ConfigurationError(
            "COUNTERSIGN_TRUST_DIR is not set: there is no folder for the keys that no database may hold",
            hint="run `countersign trust init DIR` and set it to DIR (`countersign up` does both)",
        )
    return folder / name


def _refuse_shared(path: Path, status: os.stat_result) -> None:
    others = 0o077
    if status.st_uid == 0 and status.st_gid == os.getegid() and os.geteuid() != 0:
        # What root gave to this process's own group to read, as Kubernetes mounts a secret for an fsGroup.
        others = 0o037
    if stat.S_IMODE(status.st_mode) & others:
        raise ConfigurationError(
            f"{path} can be read or written by others (mode {stat.S_IMODE(status.st_mode):o})",
            hint=f"chmod 600 {path}",
        )
