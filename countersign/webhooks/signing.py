"""The secrets of webhooks and sources, and what is signed by them."""

import base64
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import SecretStr
from standardwebhooks import Webhook as StandardWebhook

from countersign.errors import Tampered
from countersign.execution.plan_seal import Seal
from countersign.policy.signatures import utc_text
from countersign.records.tables import Webhook, WebhookSource

OVERLAP: Final = timedelta(hours=24)
"""For so long after a rotation the secret before it signs as well."""
FIRST: Final = 1
"""The version that every secret begins with."""


def secret_of(seal: Seal, of: UUID, version: int = FIRST) -> SecretStr:
    """Return a secret as it is shown."""
    return SecretStr(f"whsec_{base64.b64encode(seal.webhook_secret(of, version)).decode('ascii')}")


def headers_for(seal: Seal, webhook: Webhook, leaf: int, body: str, *, now: datetime) -> dict[str, str]:
    """Return the headers of Standard Webhooks for an event. Its id is always the same, whenever it is sent."""
    message_id, sent_at = f"evt_{webhook.id.hex}_{leaf}", now.astimezone(UTC)
    versions = [webhook.version]
    if webhook.rotated_at is not None and now < webhook.rotated_at + OVERLAP:
        versions.append(webhook.version - 1)
    signatures = [
        StandardWebhook(seal.webhook_secret(webhook.id, version)).sign(message_id, sent_at, body)
        for version in versions
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def mac_of_webhook(seal: Seal, row: Webhook) -> str:
    """Return the MAC over where a webhook leads, what it is told, by which secret, and who said so."""
    return seal.of_webhook(
        {
            "webhook": str(row.id),
            "url": row.url,
            "events": list(row.events),
            "version": row.version,
            "rotated_at": utc_text(row.rotated_at) if row.rotated_at is not None else None,
            "created_by": row.created_by,
        }
    )


def mac_of_source(seal: Seal, row: WebhookSource) -> str:
    """Return the MAC over whose requests a source's are, and who said so."""
    facts: Mapping[str, Any] = {"source": str(row.id), "subject": row.subject, "created_by": row.created_by}
    return seal.of_webhook(facts)


def require_genuine(mac: str, expected: str, *, of: str) -> None:
    """Raise Tampered unless a row is as it was made."""
    if not hmac.compare_digest(mac, expected):
        raise Tampered(
            f"The record of {of} is not as Countersign made it.",
            hint="nothing is sent by it and nobody let in; find out who writes to the database",
            of="webhook",
        )
