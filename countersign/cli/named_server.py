"""What the command line names before the command: which API is asked, and with what."""

from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from countersign.cli.on_demand import COMMANDS
from countersign.errors import ConfigurationError


@dataclass(frozen=True)
class Named:
    """What the command line names before the command."""

    server: str | None = None
    token_file: Path | None = None

    def __bool__(self) -> bool:
        return self.server is not None or self.token_file is not None


NOTHING = Named()
_named: ContextVar[Named] = ContextVar("named", default=NOTHING)


def name_server(server: str | None, token_file: Path | None, *, command: str | None) -> None:
    """Keep what the command line names for this command. Raises ConfigurationError for one that no API answers."""
    _named.set(Named(server, token_file))
    if named_server() and command is not None and not COMMANDS[command].over_the_api:
        raise needs_the_records(server or "COUNTERSIGN_URL")


def named_server() -> Named:
    """Return what the command line named, which is nothing for most."""
    return _named.get()


def forget_server() -> None:
    """Forget what the command line named, once its command is over."""
    _named.set(NOTHING)


def needs_the_records(server: str) -> ConfigurationError:
    """Return the error of a command for which `server` cannot answer."""
    return ConfigurationError(
        f"this command works on the records themselves, which {server} does not give out",
        hint="run it on a machine that has COUNTERSIGN_DATABASE_URL, without --server",
    )
