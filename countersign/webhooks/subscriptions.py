"""Webhooks are added, given another secret, set back and removed here: one transaction with the audit's row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr
from sqlmodel import Session

from countersign.errors import AddressForbidden, InvalidInput, NotFound
from countersign.execution.plan_seal import Seal
from countersign.policy.signatures import utc_text
from countersign.records import audit, refusals, webhooks
from countersign.records.audit_events import Event
from countersign.records.database.engine import clock
from countersign.records.database.identifiers import new_id
from countersign.records.tables import Webhook
from countersign.settings import settings
from countersign.webhooks.addresses import check_address
from countersign.webhooks.events import check_patterns, events_for, is_wanted, name_of
from countersign.webhooks.reading import read_row
from countersign.webhooks.signing import FIRST, mac_of_webhook, require_genuine, secret_of


@dataclass(frozen=True)
class Made:
    """What was made, and the secret that is shown for it, this once."""

    id: UUID
    secret: SecretStr


def add(session: Session, seal: Seal, *, url: str, events: Sequence[str], by: str) -> Made:
    """Add a webhook, which is told of what happens from now on. Raises InvalidInput, AddressForbidden."""
    try:
        host = check_address(url, listed=settings().allowed_local_addresses).hostname
    except AddressForbidden as refusal:
        refusals.tell_afterwards(session, refusal, actor=by)
        raise
    patterns = check_patterns(events)
    if len(webhooks.webhooks(session)) >= webhooks.MOST_WEBHOOKS:
        raise InvalidInput(f"url: there are {webhooks.MOST_WEBHOOKS} webhooks, and no more", hint="remove one")
    row = Webhook(
        id=new_id(),
        url=url,
        events=patterns,
        version=FIRST,
        created_by=by,
        created_at=clock(session),
        position=webhooks.sealed_rows(session),
        mac="",
    )
    row.mac = mac_of_webhook(seal, row)
    webhooks.keep_webhook(session, row)
    # An address's path may be a secret of its receiver's.
    details = {"webhook_id": str(row.id), "host": host, "events": patterns}
    audit.record(session, Event.WEBHOOK_ADDED, actor=by, details=details)
    return Made(row.id, secret_of(seal, row.id, row.version))


def rotate(session: Session, seal: Seal, webhook_id: UUID, *, by: str) -> Made:
    """Give a webhook another secret; the one before signs as well for a day. Raises NotFound, Tampered."""
    row = _genuine(session, seal, webhook_id)
    row.version, row.rotated_at = row.version + 1, clock(session)
    row.mac = mac_of_webhook(seal, row)
    webhooks.keep_webhook(session, row)
    _tell(session, Event.WEBHOOK_ROTATED, webhook_id, by=by, version=row.version)
    return Made(row.id, secret_of(seal, row.id, row.version))


def enable(session: Session, seal: Seal, webhook_id: UUID, *, by: str) -> None:
    """Tell a webhook of events again, from where it stands. Raises NotFound, Tampered."""
    _genuine(session, seal, webhook_id)
    webhooks.switch(session, webhook_id, enabled=True)
    _tell(session, Event.WEBHOOK_ENABLED, webhook_id, by=by)


def remove(session: Session, webhook_id: UUID, *, by: str) -> None:
    """Tell a webhook of nothing any more, for good. Harmless for one that was removed. Raises NotFound."""
    if webhooks.get_webhook(session, webhook_id, lock=True).ended_at is None:
        webhooks.end_webhook(session, webhook_id, by=by)
        _tell(session, Event.WEBHOOK_REMOVED, webhook_id, by=by)


def test(session: Session, seal: Seal, webhook_id: UUID, *, by: str) -> int:
    """Have a test sent to a webhook, when its turn comes; return its row of the audit. Raises NotFound, Tampered,
    InvalidInput.
    """
    _require_enabled(_genuine(session, seal, webhook_id))
    return _tell(session, Event.WEBHOOK_TESTED, webhook_id, by=by)


def replay_event(session: Session, seal: Seal, webhook_id: UUID, leaf: int, *, by: str) -> None:
    """Have an event that a webhook is told of sent once more, behind what waits. Raises NotFound, InvalidInput."""
    row = _genuine(session, seal, webhook_id)
    _require_enabled(row)
    found = read_row(session, leaf, events_for(row.events))
    name = None if found is None else name_of(found.event, found.facts)
    if found is None or name is None or not (is_wanted(name, row.events) or found.is_for(webhook_id)):
        raise NotFound(f"event {leaf} is none that webhook {webhook_id} is told of")
    _tell(session, Event.WEBHOOK_REPLAYED, webhook_id, by=by, leaf=leaf)


def replay_since(session: Session, seal: Seal, webhook_id: UUID, since: datetime, *, by: str) -> int:
    """Have everything since a time sent again, in order; return the place that it begins at.

    Raises NotFound, InvalidInput. From a time ahead of where it stands, it goes on where it stands.
    """
    if since.tzinfo is None:
        raise InvalidInput("since: has no time zone", hint="for example 2026-01-31T12:00:00Z")
    row = _genuine(session, seal, webhook_id)
    _require_enabled(row)
    place = min(row.position, webhooks.place_since(session, since))
    webhooks.go_back(session, webhook_id, place)
    _tell(session, Event.WEBHOOK_REWOUND, webhook_id, by=by, since=utc_text(since), place=place)
    return place


def _genuine(session: Session, seal: Seal, webhook_id: UUID) -> Webhook:
    row = webhooks.get_webhook(session, webhook_id, lock=True)
    if row.ended_at is not None:
        raise NotFound(f"webhook {webhook_id} was removed", hint="`countersign webhooks list` shows the others")
    require_genuine(row.mac, mac_of_webhook(seal, row), of=f"webhook {row.id}")
    return row


def _require_enabled(row: Webhook) -> None:
    if not row.enabled:
        raise InvalidInput(
            f"webhook {row.id} is told of nothing: its receiver answered that it is gone",
            hint=f"`countersign webhooks enable {row.id}`, once it is back",
        )


def _tell(session: Session, event: Event, webhook_id: UUID, *, by: str, **more: object) -> int:
    return audit.record(session, event, actor=by, details={"webhook_id": str(webhook_id), **more})
