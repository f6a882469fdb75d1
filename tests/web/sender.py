"""A system that asks by signed requests, signed by the library of Standard Webhooks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from httpx import Response
from standardwebhooks import Webhook

from countersign.records.database.engine import transaction
from countersign.webhooks.sources import make_source
from tests.planted import plant
from tests.web.conftest import House

_numbers = count(1)


@dataclass(frozen=True)
class Sender:
    """A source, and its secret."""

    house: House
    source: UUID
    secret: str

    def signed(
        self, body: str, *, message_id: str | None = None, ago: timedelta = timedelta(), secret: str | None = None
    ) -> dict[str, str]:
        """Return the headers of a body."""
        message_id, at = message_id or f"m{next(_numbers)}", datetime.now(UTC) - ago
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret or self.secret).sign(message_id, at, body),
            "content-type": "application/json",
        }

    def post(self, body: str, headers: Mapping[str, str], *, source: object = None) -> Response:
        """Send it as it is."""
        address = f"/v1/inbound/{source or self.source}"
        return self.house.client().post(address, content=body.encode(), headers=dict(headers))

    def send(self, kind: str, data: Mapping[str, Any], **signed: Any) -> Response:
        """Sign and send a message."""
        body = json.dumps({"type": kind, "data": data})
        return self.post(body, self.signed(body, **signed))


def sender_of(house: House, subject: str = "carol") -> Sender:
    """Return a new source of `subject`."""
    with transaction(house.services.engine) as session:
        made = make_source(session, house.services.seal, subject=subject, by="ann")
    return Sender(house, made.id, plant(made.secret.get_secret_value()))
