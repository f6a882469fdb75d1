"""The token with which this machine's user asks the API: in a file of the trust folder, and in `environment`."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from sqlmodel import Session

from countersign.errors import Unauthenticated
from countersign.execution.access import TOKEN_PREFIX, by_token, is_known, make_token, new_secret
from countersign.execution.plan_seal import read_seal
from countersign.policy.access import Kind
from countersign.secret_files import read_secret_file, replace_secret_file, write_secret_file

FILE: Final = "api-token"
LABEL: Final = "countersign up"
LIFE: Final = timedelta(days=366)
RENEWED_AFTER: Final = timedelta(days=180)


def api_token(folder: Path) -> SecretStr:
    """Return what is in the file `api-token` of `folder`; made anew where there is none, or an old one.

    Raises ConfigurationError where it cannot be read or written, or others can.
    """
    path = folder / FILE
    made = f"{new_secret(TOKEN_PREFIX).get_secret_value()}\n".encode()
    if path.exists() and time.time() - path.stat().st_mtime > RENEWED_AFTER.total_seconds():
        replace_secret_file(folder, FILE, made)
    write_secret_file(folder, FILE, made)
    return SecretStr(read_secret_file(folder, FILE).decode())


def has_api_token(folder: Path | None) -> bool:
    """Tell whether this machine's user asks the API."""
    return folder is not None and (folder / FILE).exists()


def keep_api_token(session: Session, folder: Path | None, *, subject: str) -> bool:
    """Put the file's token on record for `subject`, unless it is, and return whether that was done.

    One that was revoked, or is past its time, stays so: another one takes its place. Raises ConfigurationError,
    Tampered.
    """
    seal, shown = read_seal(folder), SecretStr(read_secret_file(folder, FILE).decode())
    try:
        by_token(session, seal, shown)
    except Unauthenticated:
        if is_known(session, shown):
            shown = new_secret(TOKEN_PREFIX)
            replace_secret_file(folder, FILE, f"{shown.get_secret_value()}\n".encode())
        make_token(session, seal, subject=subject, kind=Kind.PERSON, label=LABEL, life=LIFE, by=subject, secret=shown)
        return True
    return False
