"""Reading the audit as the order of events, and believing a row only as it was sealed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlmodel import Session

from countersign.audit.rows import Row
from countersign.audit.trail import row_of
from countersign.errors import Tampered
from countersign.records import webhooks

AT_A_TIME = 2_000
"""Places that are looked at with one statement."""


@dataclass(frozen=True)
class Found:
    """A sealed row and its place."""

    leaf: int
    row: Row

    @property
    def event(self) -> str:
        """The audit's word for it."""
        return self.row.event

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Its details."""
        found: dict[str, Any] = json.loads(self.row.details)
        return found

    def is_for(self, webhook_id: UUID) -> bool:
        """Tell whether it names this webhook."""
        return self.facts.get("webhook_id") == str(webhook_id)


def read_rows(session: Session, first: int, events: Sequence[str], *, limit: int) -> tuple[Sequence[Found], int]:
    """Return the next rows of these events from place `first`, and the place up to which there are no others.

    Raises Tampered where one is not as it was sealed.
    """
    end = min(webhooks.sealed_rows(session), first + AT_A_TIME)
    records = webhooks.rows_between(session, first, end, events=events, limit=limit)
    found = [_found(record) for record in records]
    return found, found[-1].leaf + 1 if len(found) == limit else max(first, end)


def read_row(session: Session, leaf: int, events: Sequence[str]) -> Found | None:
    """Return the row at a place, None unless it is one of these events. Raises Tampered."""
    records = webhooks.rows_between(session, leaf, leaf + 1, events=events, limit=1)
    return _found(records[0]) if records else None


def _found(record: Any) -> Found:
    row = row_of(record)
    if not row.is_as_written or bytes(record.leaf_hash) != bytes(row.hash):
        raise Tampered(
            f"Row {row.id} of the audit is not as it was sealed.",
            hint="no webhook is told of it, nor of what follows; `countersign audit verify` says more",
            of="webhook",
        )
    return Found(record.leaf_index, row)
