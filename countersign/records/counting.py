"""Counting what is written once it is committed: what was rolled back did not happen."""

from typing import Any

from sqlalchemy.event import listens_for
from sqlmodel import Session

from countersign.metrics.audit import EVENTS
from countersign.metrics.family import Counter
from countersign.records.audit_events import Event

_WAITING = "countersign.counted_at_commit"
EVENTS.expect(event.value for event in Event)


def count_when_committed(session: Session, counter: Counter, **labels: str) -> None:
    """Count one more once the transaction of `session` is committed."""
    session.info.setdefault(_WAITING, []).append((counter, labels))


@listens_for(Session, "after_commit")
def _count(session: Any) -> None:
    for counter, labels in session.info.pop(_WAITING, ()):
        counter.count(**labels)


@listens_for(Session, "after_rollback")
def _forget(session: Any) -> None:
    session.info.pop(_WAITING, None)
