"""Telling webhooks what happens, each event in its order: by one process at a time, several webhooks at once.

An event is sent, then what became of it is put on record together with the webhook's next place. Whoever dies between
the two sends the event again, under the same id.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Lock
from typing import Final
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session

from countersign.errors import AddressForbidden, CountersignError, Tampered
from countersign.execution.fault_points import At, unnoticed
from countersign.execution.plan_seal import Seal
from countersign.logging import get_logger
from countersign.metrics.worker import WEBHOOKS
from countersign.records import audit, refusals, webhooks
from countersign.records.audit_events import Event
from countersign.records.database.engine import statements, transaction
from countersign.records.states import WebhookResult
from countersign.records.tables import Webhook
from countersign.records.webhooks import Attempt, Stand
from countersign.settings import Settings
from countersign.webhooks.answers import Answer, Decision, decide
from countersign.webhooks.events import body_of, events_for, is_wanted, name_of
from countersign.webhooks.reading import Found, read_row, read_rows
from countersign.webhooks.sending import post
from countersign.webhooks.signing import headers_for, mac_of_webhook, require_genuine

AT_ONCE: Final = 8
"""Webhooks that are told at the same time: one that answers slowly holds up none of the others."""
EVENTS_PER_TURN: Final = 20
"""After so many the next webhook has its turn."""
logger = get_logger(__name__)


class Delivering:
    """What one process does about all webhooks. What it keeps in memory can be lost."""

    def __init__(
        self,
        engine: Engine,
        seal: Seal,
        settings: Settings,
        *,
        at: At = unnoticed,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine, self._seal, self._settings, self._at, self._now = engine, seal, settings, at, now
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook")
        self._lock = Lock()
        self._busy: set[UUID] = set()
        self._told: set[tuple[UUID, str]] = set()

    def look(self) -> int:
        """Begin a turn of every webhook that has something before it, and return how many there are."""
        with statements(self._engine) as session:
            due = webhooks.webhooks_due(session)
        with self._lock:
            fresh = [each for each in due if each not in self._busy]
            self._busy.update(fresh)
        for each in fresh:
            self._pool.submit(self._turn, each)
        return len(due)

    def close(self) -> None:
        """Begin nothing more, and wait for what is being sent."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _turn(self, webhook_id: UUID) -> None:
        try:
            for _ in range(EVENTS_PER_TURN):
                if not self.step(webhook_id):
                    return
        except Tampered as error:
            self._tell_once(webhook_id, error)
        except CountersignError as error:
            logger.warning("a webhook is told later", webhook=str(webhook_id), error=error.message)
        except Exception as error:  # noqa: BLE001 - the boundary: one keeps none of the others from being told
            # Its text may quote the address.
            logger.warning("a webhook's turn failed", webhook=str(webhook_id), error=type(error).__name__)
        finally:
            with self._lock:
                self._busy.discard(webhook_id)

    def step(self, webhook_id: UUID) -> bool:
        """Tell a webhook of its next event; return whether it may be told of another one at once. Raises Tampered."""
        with transaction(self._engine) as session:
            webhook = webhooks.get_webhook(session, webhook_id)
            require_genuine(webhook.mac, mac_of_webhook(self._seal, webhook), of=f"webhook {webhook_id}")
            if not webhook.enabled or webhook.ended_at is not None:
                return False
            stand = Stand(webhook_id, webhook.position, webhook.attempts)
            found, place = self._next(session, webhook)
            if found is None:
                # Nothing for it up to there: the next look begins behind.
                webhooks.go_on(session, stand, place)
                return place < webhooks.sealed_rows(session)
        decision = self._send(webhook, stand, found, place)
        return decision.result is not WebhookResult.FAILED and not decision.gone

    def _next(self, session: Session, webhook: Webhook) -> tuple[Found | None, int]:
        """Return the event that is its turn, and the place behind it; without one, how far there is none."""
        events = events_for(webhook.events)
        rows, place = read_rows(session, webhook.position, events, limit=EVENTS_PER_TURN)
        for each in rows:
            found = each
            if each.event == Event.WEBHOOK_REPLAYED:
                # It stands for the older event that it names.
                older = read_row(session, int(each.facts["leaf"]), events) if each.is_for(webhook.id) else None
                if older is None:
                    continue
                found = older
            elif each.event == Event.WEBHOOK_TESTED:
                if not each.is_for(webhook.id):
                    continue
            elif not is_wanted(name_of(each.event, each.facts) or "", webhook.events):
                continue
            return found, each.leaf + 1
        return None, place

    def _send(self, webhook: Webhook, stand: Stand, found: Found, place: int) -> Decision:
        body = body_of(found.row, found.leaf)
        headers = headers_for(self._seal, webhook, found.leaf, body, now=self._now())
        number = stand.attempts + 1
        self._at("webhook.before")
        try:
            answer = post(webhook.url, body, headers, timeout=self._settings.webhook_timeout_seconds)
        except AddressForbidden as error:
            answer = Answer(None, error.message)
            self._tell_once(webhook.id, error)
        self._at("webhook.after")
        first = self._settings.webhook_retry_seconds
        decision = decide(answer, attempt=number, first_pause=first, now=self._now())
        with transaction(self._engine) as session:
            self._settle(session, stand, place, decision)
            why = "" if decision.result is WebhookResult.SENT else answer.error
            webhooks.log_attempt(
                session, webhook.id, Attempt(found.leaf, number, decision.result, answer.status, why)
            )
        WEBHOOKS.count(result=decision.result.value)
        return decision

    def _settle(self, session: Session, stand: Stand, place: int, decision: Decision) -> None:
        if decision.result is WebhookResult.FAILED:
            webhooks.put_off(session, stand, decision.pause)
            return
        webhooks.go_on(session, stand, place)
        if decision.gone:
            webhooks.switch(session, stand.webhook_id, enabled=False)
            audit.record(session, Event.WEBHOOK_DISABLED, details={"webhook_id": str(stand.webhook_id)})

    def _tell_once(self, webhook_id: UUID, error: CountersignError) -> None:
        """Say it loudly and put it on the audit, once in the life of this process."""
        with self._lock:
            known = (webhook_id, error.message) in self._told
            self._told.add((webhook_id, error.message))
        if not known:
            logger.critical("a webhook is told of nothing", webhook=str(webhook_id), error=error.message)
            refusals.tell(self._engine, error, details={"webhook_id": str(webhook_id)})
