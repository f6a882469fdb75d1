"""Requests of other systems that show who they are by a signature: sources are made, believed and ended here."""

from typing import Final
from uuid import UUID

from sqlmodel import Session
from standardwebhooks import Webhook as StandardWebhook
from standardwebhooks import WebhookVerificationError

from countersign.errors import InvalidInput, Unauthenticated
from countersign.execution.plan_seal import Seal
from countersign.policy.access import Identity, Kind
from countersign.policy.names import require_name
from countersign.records import audit, webhook_sources
from countersign.records.audit_events import Event
from countersign.records.database.engine import clock
from countersign.records.database.identifiers import new_id
from countersign.records.tables import WebhookSource
from countersign.webhooks.signing import FIRST, mac_of_source, require_genuine, secret_of
from countersign.webhooks.subscriptions import Made

LONGEST_ID: Final = 150
"""Characters of a webhook-id: with the source's own it is the request's idempotency key."""
_HINT: Final = "sign webhook-id, webhook-timestamp and the exact body as Standard Webhooks says, within five minutes"


def make_source(session: Session, seal: Seal, *, subject: str, by: str) -> Made:
    """Let a system in by signed requests, as a machine called `subject`. Raises InvalidInput naming the field."""
    require_name(subject, field="subject")
    row = WebhookSource(id=new_id(), subject=subject, created_by=by, created_at=clock(session), mac="")
    row.mac = mac_of_source(seal, row)
    webhook_sources.add_source(session, row)
    audit.record(session, Event.SOURCE_MADE, actor=by, details={"source": str(row.id), "subject": subject})
    return Made(row.id, secret_of(seal, row.id))


def end_source(session: Session, source_id: UUID, *, by: str) -> WebhookSource:
    """Let a system in no more. Raises NotFound."""
    before = webhook_sources.source_with(session, source_id)
    had_ended = before is not None and before.ended_at is not None
    row = webhook_sources.end_source(session, source_id, by=by)
    if not had_ended:
        details = {"source": str(source_id), "subject": row.subject}
        audit.record(session, Event.SOURCE_ENDED, actor=by, details=details)
    return row


def by_signature(seal: Seal, source: WebhookSource | None, headers: dict[str, str], body: bytes) -> Identity:
    """Return whose request it is. Raises Unauthenticated, Tampered, InvalidInput.

    The time that was signed may be five minutes from now, before and after.
    """
    if source is None:
        raise Unauthenticated("The source is not known here.", hint="`countersign webhooks sources new` makes one")
    require_genuine(source.mac, mac_of_source(seal, source), of=f"source {source.id}")
    if source.ended_at is not None:
        raise Unauthenticated(f"Source {source.id} was ended.", hint="`countersign webhooks sources new` makes one")
    try:
        # It compares in constant time (hmac.compare_digest).
        StandardWebhook(seal.webhook_secret(source.id, FIRST)).verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError) as error:
        # What is malformed is a ValueError there, whose text may quote what was sent.
        why = str(error) if isinstance(error, WebhookVerificationError) else "The signature's form is wrong"
        raise Unauthenticated(f"{why}.", hint=_HINT) from None
    if len(headers["webhook-id"]) > LONGEST_ID:
        raise InvalidInput(f"webhook-id: at most {LONGEST_ID} characters are accepted")
    return Identity(source.subject, Kind.MACHINE)


def tell_refused(session: Session, source: WebhookSource, message_id: str, found: str) -> None:
    """Put on the audit that a request in a source's name was refused."""
    details = {"source": str(source.id), "webhook_id": message_id[:LONGEST_ID], "found": found}
    audit.record(session, Event.SIGNED_REQUEST_REFUSED, actor=source.subject, details=details)
