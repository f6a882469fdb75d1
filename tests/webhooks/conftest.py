"""What webhooks are told on: records with a seal and a sealer, receivers, and the part of the worker that sends."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from countersign.audit.notes import Sealer
from countersign.audit.sealing import Sealing
from countersign.execution.plan_seal import Seal, read_seal
from countersign.records import webhooks
from countersign.records.database.engine import transaction
from countersign.records.tables import Webhook, WebhookDelivery
from countersign.settings import Settings
from countersign.webhooks import subscriptions
from countersign.webhooks.delivering import Delivering
from tests.planted import plant
from tests.webhooks.receiver import Receiver

PATIENCE = 60


@dataclass
class Post:
    """Records, and whoever tells webhooks of them."""

    engine: Engine
    seal: Seal
    head_file: Path
    settings: Settings = field(
        default_factory=lambda: Settings(webhook_retry_seconds=0.01, webhook_timeout_seconds=5)
    )
    receivers: list[Receiver] = field(default_factory=list)

    def receiver(self) -> Receiver:
        """Return a new receiver that nothing is sent to yet."""
        made = Receiver()
        self.receivers.append(made)
        return made

    def subscribed(self, *events: str, receiver: Receiver | None = None) -> tuple[UUID, Receiver]:
        """Add a webhook that leads to a receiver, which knows its secret."""
        receiver = receiver or self.receiver()
        with transaction(self.engine) as session:
            made = subscriptions.add(session, self.seal, url=receiver.url, events=events or ("*",), by="ann")
        receiver.secret = plant(made.secret.get_secret_value())
        return made.id, receiver

    def seals(self) -> None:
        """Seal what there is, as the worker does."""
        assert Sealing(self.engine, Sealer(bytes(range(32))), self.head_file).round() is not None

    def delivers(self, *, until: Callable[[], bool] | None = None) -> None:
        """Seal, and deliver until nothing is due, or until a state has come."""
        self.seals()
        delivering = Delivering(self.engine, self.seal, self.settings)
        try:
            give_up = time.monotonic() + PATIENCE
            while time.monotonic() < give_up:
                due = delivering.look()
                if until() if until is not None else due == 0 and not self.waiting():
                    return
                time.sleep(0.005)
            raise AssertionError("it was not delivered")
        finally:
            delivering.close()

    def waiting(self) -> int:
        """Return how many webhooks will try something again."""
        with transaction(self.engine) as session:
            return sum(row.enabled and row.attempts > 0 for row in webhooks.webhooks(session))

    def row(self, webhook_id: UUID) -> Webhook:
        with transaction(self.engine) as session:
            return webhooks.get_webhook(session, webhook_id)

    def log(self, webhook_id: UUID) -> Sequence[WebhookDelivery]:
        """Return the attempts, oldest first."""
        with transaction(self.engine) as session:
            return list(reversed(webhooks.deliveries(session, webhook_id, limit=10_000)))

    def events(self) -> Sequence[str]:
        """Return the audit's events in the order of the tree."""
        with self.engine.connect() as connection:
            query = "SELECT event FROM audit_leaf JOIN audit_event ON id = event_id ORDER BY leaf_index"
            return connection.execute(text(query)).scalars().all()

    def told(self, event: str) -> int:
        """Return how many rows of the audit are of this event."""
        with self.engine.connect() as connection:
            query = text("SELECT count(*) FROM audit_event WHERE event = :event")
            return int(connection.execute(query, {"event": event}).scalar_one())


@pytest.fixture
def post(engine: Engine, trust_dir: Path, tmp_path: Path) -> Iterator[Post]:
    found = Post(engine, read_seal(trust_dir), tmp_path / "audit-head")
    yield found
    for receiver in found.receivers:
        receiver.close()
