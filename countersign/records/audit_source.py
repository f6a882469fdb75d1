"""What a kind of record is to the audit: where it is found, whose it is, and what its digest is over."""

from dataclasses import dataclass

from countersign.records.audit_events import Event


@dataclass(frozen=True)
class Source:
    """A kind of record. All but `name` and `events` are SQL over `rows`, of which `record` is the record itself."""

    name: str
    """The part of `about` before the colon."""
    events: tuple[Event, ...]
    """Those that tell of it; where there are several rows, the last one's digest counts."""
    rows: str
    key: str
    chain: str
    actor: str
    told: tuple[str, ...]
    """What the digest is over."""
    facts: tuple[str, ...]
    """What can be read in the row: pairs of name and value."""
    must: str = "true"
    """Which records have to be told of."""

    @property
    def about(self) -> str:
        """The record's name as SQL."""
        return f"'{self.name}:' || {self.key}"

    @property
    def digest(self) -> str:
        """SHA-256 as hexadecimal digits, as SQL."""
        return f"encode(sha256(convert_to(jsonb_build_array({', '.join(self.told)})::text, 'UTF8')), 'hex')"


def columns(names: str) -> tuple[str, ...]:
    """Return these columns of the record, as SQL."""
    return tuple(f"record.{name}" for name in names.split())


def moment(column: str) -> str:
    """Microseconds: the text of a time would have the session's zone."""
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


def status(*, of: str, when: str = "true") -> str:
    """The approval's status, told by who has just changed it and so has its row locked."""
    return f"'status', CASE WHEN {when} THEN (SELECT status FROM approval WHERE id = {of}) END"  # noqa: S608
