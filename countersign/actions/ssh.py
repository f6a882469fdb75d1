"""`ssh [user@]host [-p port] 'command'` and `ssh://[user@]host[:port]/command`: who, where, and which tool."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import unquote

from countersign.actions.characters import refuse_hidden_characters
from countersign.actions.hosts import route
from countersign.actions.operation import HostOperation
from countersign.actions.words import Word
from countersign.errors import ParseFailure

EXAMPLE: Final = "ssh web-1 'systemctl restart nginx.service'"
_HINT: Final = f"for example: {EXAMPLE}"
_USER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_HOST_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_NUMERIC: Final = re.compile(r"(?:0[xX][0-9A-Fa-f]*|[0-9]+)")


@dataclass(frozen=True)
class Destination:
    """Where a host operation goes."""

    host: str
    user: str | None = None
    port: int | None = None


def read_ssh(words: Sequence[Word]) -> HostOperation:
    """Read the words of an ssh command line, its first word included. Raises ParseFailure."""
    if words[0].text.startswith("ssh://"):
        return _from_url(words[0].text, words[1:])
    return _from_command(words[1:])


def _from_command(words: Sequence[Word]) -> HostOperation:
    users: list[str] = []
    ports: list[str] = []
    destination: str | None = None
    position = 0
    # OpenSSH reads options before and after the host, up to the first word of the remote command.
    while position < len(words):
        text = words[position].text
        if text == "--" and destination is not None:
            position += 1
            break
        if text.startswith("-"):
            option, value = text[:2], text[2:]
            if option not in ("-p", "-l"):
                raise ParseFailure(
                    f"ssh {text[:40]} is refused: how the host is reached is chosen by the hosts block",
                    hint="only -p PORT and -l USER are read",
                )
            if not value:
                position += 1
                value = words[position].text if position < len(words) else ""
            (ports if option == "-p" else users).append(value)
        elif destination is None:
            if words[position].glob and not text.partition("@")[2].startswith("[") and not text.startswith("["):
                raise ParseFailure(f"{text[:60]!r} is a pattern that a shell would expand", hint=_HINT)
            destination = text
        else:
            break
        position += 1
    if destination is None:
        raise ParseFailure("ssh names no host", hint=_HINT)
    place = _destination(destination, users, ports)
    return _operation(place, " ".join(_remote(word) for word in words[position:]))


def _remote(word: Word) -> str:
    if word.glob:
        raise ParseFailure(f"{word.text[:60]!r} is a pattern that a shell would expand", hint=_HINT)
    return word.text


def _from_url(url: str, rest: Sequence[Word]) -> HostOperation:
    authority, _, path = url.removeprefix("ssh://").partition("/")
    if "?" in url or "#" in url:
        raise ParseFailure(
            "an ssh:// address has no ? and no #", hint="ssh://web-1/systemctl%20restart%20nginx.service"
        )
    try:
        command = unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise ParseFailure("the path of the ssh:// address is not UTF-8", hint=_HINT) from None
    refuse_hidden_characters(command, of="the path of the ssh:// address", line_breaks=False)
    place = _destination(f"ssh://{authority}", [], [])
    words = " ".join(_remote(word) for word in rest)
    return _operation(place, f"{command} {words}".strip(" "))


def _operation(place: Destination, command: str) -> HostOperation:
    if not command.strip():
        raise ParseFailure("ssh without a command would open a terminal", hint=_HINT)
    tool, parameters = route(command)
    return HostOperation(tool.name, place.host, place.user, place.port, parameters)


def _destination(text: str, users: Sequence[str], ports: Sequence[str]) -> Destination:
    users, ports = list(users), list(ports)
    is_url = text.startswith("ssh://")
    rest = text.removeprefix("ssh://").removesuffix("/") if is_url else text
    user, at, host = rest.rpartition("@")
    if at:
        if ":" in user:
            raise ParseFailure(
                "a password in an ssh address is refused", hint="credentials come from the hosts block"
            )
        users.append(user)
    if is_url:
        host, port = _split_port(host)
        ports.extend([port] if port is not None else [])
    for user in users:
        if not _USER.fullmatch(user):
            raise ParseFailure(f"{user[:40]!r} is not a user's name", hint=_HINT)
    numbers = {_port(port) for port in ports}
    if len(set(users)) > 1 or len(numbers) > 1:
        raise ParseFailure("ssh is given two users or two ports", hint="give each once")
    return Destination(_host(host), users[0] if users else None, numbers.pop() if numbers else None)


def _split_port(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        host, _, after = text.partition("]")
        return f"{host}]", after.removeprefix(":") if after else None
    host, colon, port = text.partition(":")
    return host, port if colon else None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise ParseFailure(f"{text[:40]!r} is not a port", hint="a port is a number from 1 to 65535")
    return int(text)


def _host(text: str) -> str:
    """Check a DNS name, an IPv4 address or an IPv6 address in brackets."""
    bad = ParseFailure(
        f"{text[:80]!r} is not a host: a DNS name, an IPv4 address or an IPv6 address in brackets", hint=_HINT
    )
    if text.startswith("[") and text.endswith("]"):
        try:
            return str(IPv6Address(text[1:-1])) if "%" not in text else _raise(bad)
        except ValueError:
            raise bad from None
    labels = text.split(".")
    if len(text) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        raise bad
    if _NUMERIC.fullmatch(labels[-1]):
        # Resolvers read 1, 0x7f.1 and 127.1 as addresses; only the plain form says to everybody which one.
        try:
            return str(IPv4Address(text))
        except ValueError:
            raise bad from None
    return text


def _raise(error: ParseFailure) -> str:
    raise error
