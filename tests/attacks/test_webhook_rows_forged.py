"""Writes to the database: webhooks and sources of her own, other addresses, other events, rows of the audit."""

import json
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from countersign.errors import NotFound, Tampered
from countersign.records.database.engine import transaction
from countersign.records.tables import WebhookSource
from countersign.records.webhook_sources import source_with
from countersign.webhooks import subscriptions
from countersign.webhooks.sources import by_signature, make_source
from tests.attacks.conftest import Sql
from tests.records.builders import pending
from tests.webhooks.conftest import Post, post

__all__ = ["post"]
TAMPERING = "tampering:webhook:refused"


def is_told_nothing(post: Post) -> None:
    """Deliver for a while; nobody has got anything, and the audit says why, once."""
    pending(post.engine)
    post.delivers(until=lambda: post.told(TAMPERING) > 0)
    assert [got for receiver in post.receivers for got in receiver.got] == []
    assert [path for receiver in post.receivers for path in receiver.paths] == []
    assert post.told(TAMPERING) == 1


def test_a_webhook_of_her_own_is_told_nothing(post: Post, as_owner: Sql) -> None:
    webhook, _ = post.subscribed("approval.requested")
    hers = post.receiver()
    as_owner("UPDATE webhook SET enabled = false")
    as_owner(
        "INSERT INTO webhook (id, url, events, created_by, created_at, position, mac) "
        "SELECT gen_random_uuid(), :url, events, created_by, created_at, 0, mac FROM webhook WHERE id = :id",
        url=hers.url,
        id=webhook,
    )
    is_told_nothing(post)


@pytest.mark.parametrize(
    "change",
    [
        "url = :url",
        "events = ARRAY['*']",
        "version = version + 1",
        "rotated_at = now()",
        "created_by = 'mallory'",
    ],
)
def test_a_webhook_that_she_changed_is_told_nothing(post: Post, as_owner: Sql, change: str) -> None:
    post.subscribed("approval.requested")
    as_owner(f"UPDATE webhook SET {change}", **({"url": post.receiver().url} if ":url" in change else {}))
    is_told_nothing(post)


def test_the_mac_of_another_webhook_is_none(post: Post, as_owner: Sql) -> None:
    first, _ = post.subscribed("approval.requested")
    second, _ = post.subscribed("approval.requested")
    as_owner(
        "UPDATE webhook SET mac = (SELECT mac FROM webhook WHERE id = :other) WHERE id = :id", id=first, other=second
    )
    as_owner("UPDATE webhook SET enabled = false WHERE id = :other", other=second)
    is_told_nothing(post)


@pytest.mark.parametrize("column", ["actor = 'mallory'", 'details = \'{"status": "approved"}\''])
def test_a_sealed_row_that_she_changed_is_not_told(post: Post, as_owner: Sql, column: str) -> None:
    post.subscribed("approval.requested")
    pending(post.engine)
    post.seals()
    as_owner(f"UPDATE audit_event SET {column}")
    is_told_nothing(post)


def test_a_row_in_the_place_of_another_is_not_told(post: Post, as_owner: Sql) -> None:
    post.subscribed("approval.requested")
    pending(post.engine)
    pending(post.engine)
    post.seals()
    as_owner("ALTER TABLE audit_leaf DROP CONSTRAINT uq_audit_leaf_event_id")
    as_owner(
        "UPDATE audit_leaf SET event_id = (SELECT id FROM audit_event WHERE event = 'approval:request:filed' "
        "ORDER BY id DESC LIMIT 1) WHERE event_id = (SELECT id FROM audit_event "
        "WHERE event = 'approval:request:filed' ORDER BY id LIMIT 1)"
    )
    is_told_nothing(post)


def test_one_forged_webhook_keeps_no_other_from_being_told(post: Post, as_owner: Sql) -> None:
    bad, _ = post.subscribed("approval.requested")
    _, good = post.subscribed("approval.requested")
    as_owner("UPDATE webhook SET created_by = 'mallory' WHERE id = :id", id=bad)
    pending(post.engine)
    post.delivers(until=lambda: len(good.accepted) == 1 and post.told(TAMPERING) == 1)


def test_nobody_rotates_or_replays_what_she_made(post: Post, as_owner: Sql) -> None:
    webhook, _ = post.subscribed("approval.requested")
    as_owner("UPDATE webhook SET url = 'https://mallory.example/'")
    for act in (subscriptions.rotate, subscriptions.enable, subscriptions.test):
        with pytest.raises(Tampered), transaction(post.engine) as session:
            act(session, post.seal, webhook, by="ann")


def source(post: Post, source_id: UUID) -> WebhookSource | None:
    with transaction(post.engine) as session:
        return source_with(session, source_id)


@pytest.mark.parametrize("change", ["subject = 'carol'", "created_by = 'mallory'"])
def test_a_source_that_she_changed_lets_nobody_in(post: Post, as_owner: Sql, change: str) -> None:
    with transaction(post.engine) as session:
        made = make_source(session, post.seal, subject="jira", by="ann")
    as_owner(f"UPDATE webhook_source SET {change}")
    with pytest.raises(Tampered):
        by_signature(post.seal, source(post, made.id), {}, b"{}")


def test_an_event_of_another_webhook_is_not_replayed(post: Post) -> None:
    mine, _ = post.subscribed("incident.*")
    other, receiver = post.subscribed("approval.*")
    pending(post.engine)
    post.delivers()
    (got,) = receiver.accepted
    with pytest.raises(NotFound), transaction(post.engine) as session:
        subscriptions.replay_event(session, post.seal, mine, got.event, by="ann")
    assert json.loads(got.body)["data"]["event"] == post.log(other)[0].leaf


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE webhook SET url = 'https://mallory.example/'",
        "UPDATE webhook SET events = ARRAY['*']",
        "UPDATE webhook_delivery SET result = 'sent'",
        "DELETE FROM webhook_delivery",
        "UPDATE webhook_source SET subject = 'carol'",
        "DELETE FROM webhook",
    ],
)
def test_the_running_role_cannot_do_it_either(post: Post, statement: str) -> None:
    with post.engine.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(text(statement))
