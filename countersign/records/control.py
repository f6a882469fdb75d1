"""The kill switch: while it is on, no execution gets as far as its effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session

from countersign.errors import InvalidInput
from countersign.records.audit_events import Event
from countersign.records.audit_sources import CONTROL_CHANGE, tell
from countersign.records.database.storable import clean, told

# The switch as it is now.
READ = text("SELECT is_on, changed_by, reason, changed_at FROM control WHERE name = 'kill_switch'")

# Set the switch and write down who did it, in one statement. It waits for intents that are being written.
SET = text("""
    WITH changed AS (
        UPDATE control
        SET is_on = :is_on, changed_by = :changed_by, reason = :reason, changed_at = clock_timestamp()
        WHERE name = 'kill_switch' AND NOT (:if_it_is_not AND is_on = :is_on)
        RETURNING name, is_on, changed_by, reason, changed_at
    )
    INSERT INTO control_change (name, is_on, changed_by, reason, at)
    SELECT name, is_on, changed_by, reason, changed_at FROM changed
    RETURNING seq, is_on, changed_by, reason, at AS changed_at
""")

# How it was turned before, the newest first.
CHANGES = text("""
    SELECT is_on, changed_by, reason, at AS changed_at FROM control_change
    WHERE name = 'kill_switch' ORDER BY seq DESC LIMIT :limit
""")


@dataclass(frozen=True)
class Switch:
    """The kill switch, and who set it when and why."""

    is_on: bool
    changed_by: str
    reason: str
    changed_at: datetime


def kill_switch(session: Session) -> Switch:
    """Return the kill switch. The row always exists: the database refuses to delete it."""
    row = session.execute(READ).one()
    return Switch(row.is_on, row.changed_by, row.reason, row.changed_at)


def switch_changes(session: Session, *, limit: int = 20) -> Sequence[Switch]:
    """Return how the switch was turned, the newest change first."""
    rows = session.execute(CHANGES, {"limit": limit})
    return [Switch(row.is_on, row.changed_by, row.reason, row.changed_at) for row in rows]


def set_kill_switch(session: Session, on: bool, *, by: str, reason: str, if_it_is_not: bool = False) -> Switch:
    """Turn the kill switch on or off; once committed, no further intent is written while it is on.

    With `if_it_is_not`, what comes twice is one turn: where it stands so already, it stays as it was turned. Every
    change is kept in control_change. Raises InvalidInput without a name or a reason.
    """
    for field, value in (("by", by), ("reason", reason)):
        if not value.strip():
            raise InvalidInput(f"{field}: must not be empty")
    given = {"is_on": on, "changed_by": clean(by), "reason": told(reason), "if_it_is_not": if_it_is_not}
    row = session.execute(SET, given).one_or_none()
    if row is None:
        return kill_switch(session)
    tell(session, Event.KILL_SWITCH_ON if row.is_on else Event.KILL_SWITCH_OFF, CONTROL_CHANGE, row.seq)
    return Switch(row.is_on, row.changed_by, row.reason, row.changed_at)
