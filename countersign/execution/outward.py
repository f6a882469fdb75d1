"""What probes and channels must not reach, and how much of an answer is taken.

Their addresses are written by people who may see the policy or a block, not the machine that asks. So the machine
itself (loopback), its links and a cloud's metadata are refused unless a setting lists them. What counts is the
address that is connected to, and not what a name meant when it was looked up before.
"""

import ipaddress
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import httpx

from countersign.errors import TransientTargetError
from countersign.settings import settings
from countersign.texts import text


class Why(StrEnum):
    """Why an address must not be connected to; the values are keys of the texts."""

    METADATA = "metadata"
    ITSELF = "itself"
    LINK = "link"
    MANY = "many"
    PRIVATE = "private"


Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SETTING: Final = "COUNTERSIGN_ALLOWED_LOCAL_ADDRESSES"
# Where clouds answer with credentials: Amazon over IPv6, Alibaba, Oracle, Azure. The others' are link-local.
_METADATA: Final = frozenset(
    map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"))
)
_METADATA_NAMES: Final = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
)
# An IPv4 address within an IPv6 one reaches the same machine (RFC 6052).
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(OSError):
    """A connection to an address that must not be reached; what connects takes it for one that failed."""


def why_address(host: str, *, listed: Sequence[str] = (), private: bool = True) -> Why | None:
    """Return why `host`, an address or a name, must not be connected to, None if it may.

    `listed` are addresses, networks and names that may be; `private` is whether those of private networks may be.
    A name says nothing about the address it has.
    """
    name = host.rstrip(".").lower()
    if name in {one.rstrip(".").lower() for one in listed}:
        return None
    try:
        address = ipaddress.ip_address(name.partition("%")[0].strip("[]"))
    except ValueError:
        return Why.METADATA if name in _METADATA_NAMES else None
    why = _why(_inner(address))
    if why is None and not private and not _inner(address).is_global:
        why = Why.PRIVATE
    if why is None or any(_within(one, address) or _within(one, _inner(address)) for one in listed):
        return None
    return why


def _why(address: Address) -> Why | None:
    if address in _METADATA:
        return Why.METADATA
    if address.is_loopback or address.is_unspecified:
        return Why.ITSELF
    if address.is_link_local:
        return Why.LINK
    return Why.MANY if address.is_multicast else None


def _inner(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _within(listed: str, address: Address) -> bool:
    try:
        return address in ipaddress.ip_network(listed, strict=False)
    except (ValueError, TypeError):
        return False


# --- connecting -------------------------------------------------------------------------------------


@dataclass
class Guard:
    """What was refused while it was on."""

    listed: tuple[str, ...]
    private: bool = True
    refused: str | None = None
    """A clause without the address, which may be a secret of a channel."""

    def check(self, host: str) -> None:
        """Raise AddressRefused unless `host` may be connected to."""
        if why := why_address(host, listed=self.listed, private=self.private):
            self.refused = text(f"outward.{why}", setting=SETTING)
            raise AddressRefused(self.refused)


_guard: ContextVar[Guard | None] = ContextVar("guard", default=None)


@contextmanager
def guarded(*names: str, private: bool = True) -> Iterator[Guard]:
    """Refuse, in this thread and this block, every connection that must not be made, by whichever library.

    `names` are the hosts that are meant, which a proxy would look up instead of us; `private` is whether those of
    private networks may be reached. Raises AddressRefused.
    """
    _watch()
    guard = Guard(settings().allowed_local_addresses, private)
    for name in names:
        guard.check(name)
    token = _guard.set(guard)
    try:
        yield guard
    finally:
        _guard.reset(token)


@lru_cache(maxsize=1)
def _watch() -> None:
    # Python tells of every connection, before it is made, here (PEP 578); a hook stays for the life of the process.
    sys.addaudithook(_told)


def _told(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg") and (guard := _guard.get()) is not None:
        match arguments[1]:
            case (str(host), *_):
                guard.check(host)


# --- answers ----------------------------------------------------------------------------------------


def read_at_most(answer: httpx.Response, most: int, *, go_on: Callable[[], None] = lambda: None) -> bytes:
    """Return the first `most` bytes of a streamed answer's body, unpacked; `go_on` is called after each piece.

    Never more is unpacked, whatever the answer would become: 10 MB of zeros are 10 kB of gzip.
    Raises TransientTargetError for an encoding that nobody asked for.
    """
    unpack = _unpacking(answer.headers.get("Content-Encoding", "identity").strip().lower())
    body = bytearray()
    for piece in answer.iter_raw():
        body += unpack(piece, most - len(body))
        if len(body) >= most:
            break
        go_on()
    return bytes(body)


def _unpacking(encoding: str) -> Callable[[bytes, int], bytes]:
    match encoding:
        case "identity" | "":
            return lambda piece, room: piece[:room]
        case "gzip" | "x-gzip" | "deflate":
            unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)

            def unpack(piece: bytes, room: int) -> bytes:
                try:
                    return unpacker.decompress(piece, room) if room > 0 else b""
                except zlib.error:
                    raise TransientTargetError("The answer is packed in a way that cannot be read.") from None

            return unpack
        case _:
            raise TransientTargetError("The answer is packed in a way that was not asked for.")


PLAIN: Final = {"Accept-Encoding": "identity"}
"""Headers that ask for an answer that is not packed."""
