"""A secret that a block names and does not hold: a file in the one folder that is mounted for that.

So Prefect's database need not hold it. Whoever may save a block could otherwise have any file of the worker sent to
an address of his own; so the folder is a setting, and a name cannot lead out of it.
"""

import stat

from pydantic import SecretStr

from countersign.errors import BlockRefused, ConfigurationError
from countersign.settings import load_settings

MOST_BYTES = 1_000_000


def mounted_secret(name: str, *, field: str) -> SecretStr:
    """Return what the file `name` of COUNTERSIGN_SECRETS_DIR holds.

    Raises ConfigurationError naming `field`: no folder, a name that leads out of it, no such file, one that everybody
    may read, one that is too large or no text.
    """
    folder = load_settings().secrets_dir
    if folder is None:
        raise ConfigurationError(
            f"{field}: files of mounted secrets are not read here",
            hint="set COUNTERSIGN_SECRETS_DIR to the folder that they are in, for every worker",
        )
    folder = folder.resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder) or path == folder:
        raise BlockRefused(
            f"{field}: {name!r} is not in the folder of mounted secrets", hint="give the file's name in that folder"
        )
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
            mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise ConfigurationError(
            f"{field}: the file {name!r} cannot be read: {error.strerror}", hint=f"look what is mounted in {folder}"
        ) from None
    if mode & 0o027:
        raise ConfigurationError(
            f"{field}: the file {name!r} can be read by everybody or written by others (mode {mode:o})",
            hint=f"chmod 600 {path}",
        )
    if len(content) > MOST_BYTES:
        raise ConfigurationError(f"{field}: the file {name!r} is larger than {MOST_BYTES:,} bytes")
    try:
        return SecretStr(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise ConfigurationError(f"{field}: the file {name!r} is not UTF-8 text") from None


def refuse_both(field: str, value: SecretStr | None, name: str | None) -> None:
    """Raise ConfigurationError where a secret is given and a file for it is named, too."""
    if value is not None and name is not None:
        raise ConfigurationError(f"{field} and {field}_file are given", hint="leave one of them empty")
