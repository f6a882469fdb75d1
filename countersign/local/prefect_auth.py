"""What Prefect's API asks of everybody: NAME:PASSWORD, made once, kept where its owner alone can read it."""

import secrets
from pathlib import Path

from pydantic import SecretStr

from countersign.secret_files import read_secret_file, write_secret_file

FILE = "prefect-auth"
NAME = "countersign"
_BYTES = 32


def prefect_auth(folder: Path) -> SecretStr:
    """Return what is in the file `prefect-auth` of `folder`; made at random where there is none yet.

    Raises ConfigurationError where it cannot be read or written, or others can.
    """
    write_secret_file(folder, FILE, f"{NAME}:{secrets.token_urlsafe(_BYTES)}\n".encode())
    return SecretStr(read_secret_file(folder, FILE).decode())
