"""Which API is asked, where one is: the command line names it, or the environment does and no database."""

import re
from dataclasses import dataclass

from pydantic import SecretStr

from countersign.cli.key_file import read_owners_file
from countersign.cli.named_server import Named, named_server, needs_the_records
from countersign.errors import ConfigurationError, InvalidInput
from countersign.settings import Settings

ADDRESS = re.compile(r"https?://[^\s/@]+/?")
TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
TOKENS = "`countersign tokens new SUBJECT`, where the records are, makes one"


@dataclass(frozen=True)
class Server:
    """An API, and the token that is shown to it."""

    url: str
    token: SecretStr


def require_records(settings: Settings) -> None:
    """Raise ConfigurationError where the API answers, since this command works on the records themselves."""
    server = server_of(settings)
    if server is not None:
        raise needs_the_records(server.url)


def server_of(settings: Settings) -> Server | None:
    """Return the API that is asked, None where the records are. Raises ConfigurationError, InvalidInput."""
    if settings.database_url is not None and not named_server():
        return None
    return api_of(settings)


def api_of(settings: Settings) -> Server | None:
    """Return the API that is named, None where none is, or no token. Raises ConfigurationError, InvalidInput."""
    named = named_server()
    if not named and (settings.url is None or settings.token is None):
        return None
    url = named.server or settings.url
    if url is None:
        raise InvalidInput("--token-file: no server is named that it is for", hint="name it: --server URL")
    if ADDRESS.fullmatch(url) is None:
        raise InvalidInput("--server: is not an address", hint="for example https://countersign.example.com")
    return Server(url.rstrip("/"), _token(settings, named, url.rstrip("/")))


def _token(settings: Settings, named: Named, url: str) -> SecretStr:
    if named.token_file is not None:
        content = read_owners_file(named.token_file, option="--token-file", hint=TOKENS)
        return _checked(SecretStr(content.decode("ascii", "replace").strip()), "--token-file")
    if settings.token is None:
        raise ConfigurationError(f"no token is named that {url} would know", hint=f"--token-file FILE; {TOKENS}")
    if settings.url is not None and settings.url != url:
        # A token is a secret between two; another server must not learn it.
        raise ConfigurationError(
            f"COUNTERSIGN_TOKEN is for {settings.url}, and is not shown to {url}",
            hint="name another: --token-file FILE",
        )
    return _checked(settings.token, "COUNTERSIGN_TOKEN")


def _checked(token: SecretStr, option: str) -> SecretStr:
    if TOKEN.fullmatch(token.get_secret_value()) is None:
        raise InvalidInput(f"{option}: what is there is no token", hint=TOKENS)
    return token
