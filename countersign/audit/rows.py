"""The bytes of an audit row that are hashed: every field of what is stored, with its length before it.

The database's `audit_append` makes the same bytes. Times are whole microseconds, which is what PostgreSQL stores: a
finer clock's time would not come back.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from countersign.audit.tree import leaf_hash

FORM = "countersign-audit-1"
NO_ROW = bytes(32)
"""The hash before a chain's first row."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """An audit row as it is stored."""

    id: int
    chain: str
    position: int
    event: str
    actor: str
    about: str
    details: str
    """JSON, letter by letter as it was hashed."""
    at: datetime
    previous: bytes
    hash: bytes

    @property
    def content(self) -> bytes:
        """What is hashed: the leaf of the tree, in RFC 9162's word its data."""
        return content_of(self.fields)

    @property
    def fields(self) -> tuple[str, ...]:
        """What is hashed, in its order."""
        microseconds = (self.at - _EPOCH) // timedelta(microseconds=1)
        return (
            FORM,
            self.chain,
            str(self.position),
            self.event,
            self.actor,
            self.about,
            self.details,
            str(microseconds),
            self.previous.hex(),
        )

    @property
    def is_as_written(self) -> bool:
        """Whether the row still has the hash that it was written with."""
        return leaf_hash(self.content) == self.hash


def content_of(fields: tuple[str, ...]) -> bytes:
    """Return the bytes of the fields, each as `length:content,` with its length in bytes."""
    parts = [field.encode("utf-8") for field in fields]
    return b"".join(b"%d:%s," % (len(part), part) for part in parts)
