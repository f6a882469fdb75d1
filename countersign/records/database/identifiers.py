"""Identifiers of records: UUIDs whose order is the order in which they were made (RFC 9562, version 7)."""

import os
import time
from uuid import UUID

from countersign.errors import InvalidInput


def new_id() -> UUID:
    """Return a new version 7 UUID: 48 bits of milliseconds, then random bits.

    Neighbours in time are neighbours in the index, so inserts touch few pages of a large table.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def short_id(identifier: UUID) -> str:
    """Return the end of an approval's id, which is its random part; commands take it where only one has it."""
    return identifier.hex[-8:]


def id_from_text(text: str, *, field: str = "approval_id") -> UUID:
    """Read an identifier that a person or another system gave. Raises InvalidInput naming `field`."""
    try:
        return UUID(text.strip())
    except ValueError:
        raise InvalidInput(
            f"{field}: {text[:80]!r} is not an identifier",
            hint="it looks like 01980f7e-1c2d-7abc-8def-0123456789ab",
        ) from None
