"""Receivers are told what happens: signed, in order, again after a failure, and none waits for another."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from countersign.records.database.engine import transaction
from countersign.records.states import WebhookResult
from countersign.webhooks import subscriptions
from countersign.webhooks.answers import MOST_ATTEMPTS
from countersign.webhooks.sending import post as send
from tests.aftermath.notifications.test_dripping import Drips, drips
from tests.records.builders import approved, pending
from tests.webhooks.conftest import Post
from tests.webhooks.receiver import Got, Reply

__all__ = ["drips"]


def test_what_happens_is_told_in_order_and_signed(post: Post) -> None:
    webhook, receiver = post.subscribed("approval.*")
    approval = approved(post.engine)
    post.delivers()
    assert [got.type for got in receiver.accepted] == ["approval.requested", "approval.approved"]
    first = receiver.accepted[0]
    assert (first.data["approval_id"], first.data["actor"], first.data["status"]) == (
        str(approval),
        "alice",
        "pending",
    )
    assert json.loads(first.body)["timestamp"].endswith("Z")
    assert (first.headers["content-type"], receiver.refused) == ("application/json", [])
    assert [(row.leaf, row.attempt, row.result, row.http_status) for row in post.log(webhook)] == [
        (got.event, 1, WebhookResult.SENT, 204) for got in receiver.accepted
    ]


def test_only_what_is_asked_for_is_told(post: Post) -> None:
    _, approvals = post.subscribed("approval.requested")
    _, incidents = post.subscribed("incident.*")
    approved(post.engine)
    post.delivers()
    assert [got.type for got in approvals.got] == ["approval.requested"]
    assert incidents.got == []


def test_what_happened_before_it_was_added_is_not_told(post: Post) -> None:
    pending(post.engine)
    post.seals()
    _, receiver = post.subscribed()
    post.delivers()
    assert receiver.got == []


def test_a_failure_is_tried_again_with_the_same_id_and_body(post: Post) -> None:
    webhook, receiver = post.subscribed("approval.*")
    receiver.reply = lambda _got: (500, {}) if len(receiver.got) < 3 else (200, {})
    approved(post.engine)
    post.delivers()
    assert len({got.id for got in receiver.got[:3]}) == 1
    assert len({got.body for got in receiver.got[:3]}) == 1
    assert [row.result for row in post.log(webhook)] == ["failed", "failed", "sent", "sent"]
    assert [got.type for got in receiver.accepted] == ["approval.requested", "approval.approved"]


def test_what_fails_for_good_is_dead_and_the_next_event_goes_on(post: Post) -> None:
    post.settings = post.settings.model_copy(update={"webhook_retry_seconds": 0.00001})
    webhook, receiver = post.subscribed("approval.*")
    receiver.reply = lambda got: (500, {}) if got.type == "approval.requested" else (200, {})
    approved(post.engine)
    post.delivers()
    assert [row.result for row in post.log(webhook)] == [*["failed"] * (MOST_ATTEMPTS - 1), "dead", "sent"]
    assert [got.type for got in receiver.accepted] == ["approval.approved"]


def test_a_dead_event_is_sent_again_on_request_with_its_own_id(post: Post) -> None:
    post.settings = post.settings.model_copy(update={"webhook_retry_seconds": 0.00001})
    webhook, receiver = post.subscribed("approval.requested")
    receiver.reply = lambda _got: (500, {})
    pending(post.engine)
    post.delivers()
    dead = post.log(webhook)[-1]
    assert dead.result is WebhookResult.DEAD
    receiver.reply = lambda _got: (200, {})
    with transaction(post.engine) as session:
        subscriptions.replay_event(session, post.seal, webhook, dead.leaf, by="ann")
    post.delivers()
    assert (receiver.accepted[0].id, receiver.accepted[0].event) == (receiver.got[0].id, dead.leaf)
    assert post.log(webhook)[-1].result is WebhookResult.SENT


def test_everything_since_a_time_is_sent_again_in_order(post: Post) -> None:
    webhook, receiver = post.subscribed("approval.requested")
    for _ in range(3):
        pending(post.engine)
    post.delivers()
    (first, *_) = before = list(receiver.accepted)
    with transaction(post.engine) as session:
        hour = datetime.now(UTC) - timedelta(hours=1)
        subscriptions.replay_since(session, post.seal, webhook, hour, by="ann")
    post.delivers()
    assert [got.id for got in receiver.accepted] == [got.id for got in before] * 2
    with transaction(post.engine) as session:
        ahead = datetime.now(UTC) + timedelta(hours=1)
        subscriptions.replay_since(session, post.seal, webhook, ahead, by="ann")
    assert post.row(webhook).position > first.event


def test_who_answers_that_it_is_gone_is_told_nothing_more_until_it_is_enabled(post: Post) -> None:
    webhook, receiver = post.subscribed("approval.requested")
    receiver.reply = lambda _got: (410, {})
    pending(post.engine)
    pending(post.engine)
    post.delivers()
    assert (len(receiver.got), post.row(webhook).enabled) == (1, False)
    post.seals()
    assert post.events().count("webhook:address:disabled") == 1
    receiver.reply = lambda _got: (200, {})
    with transaction(post.engine) as session:
        subscriptions.enable(session, post.seal, webhook, by="ann")
    post.delivers()
    assert len(receiver.accepted) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_who_asks_to_be_left_alone_is(post: Post, status: int) -> None:
    webhook, receiver = post.subscribed("approval.requested")
    receiver.reply = lambda _got: (status, {"Retry-After": "7"})
    pending(post.engine)
    post.delivers(until=lambda: len(post.log(webhook)) == 1)
    row, tried = post.row(webhook), post.log(webhook)[0].at
    assert row.next_try_at is not None
    # 720 times the first pause is the longest one.
    assert timedelta(seconds=6) < row.next_try_at - tried < timedelta(seconds=8)


def test_a_slow_receiver_holds_up_no_other(post: Post) -> None:
    _, slow = post.subscribed("approval.requested")
    _, quick = post.subscribed("approval.requested")
    quick_is_done = threading.Event()

    def wait(_got: Got) -> Reply:
        assert quick_is_done.wait(30)
        return 200, {}

    slow.reply = wait
    for _ in range(5):
        pending(post.engine)

    def told() -> bool:
        if len(quick.accepted) == 5:
            quick_is_done.set()
        return len(slow.accepted) == 5

    post.delivers(until=told)
    assert [got.event for got in slow.accepted] == [got.event for got in quick.accepted]


@pytest.mark.parametrize("first", ["", "HTTP/1.1 200 OK\r\nX-Long: "])
def test_a_receiver_that_drips_is_left_at_the_time_limit(drips: Drips, first: str) -> None:
    service = drips(first)
    answer = send(f"http://127.0.0.1:{service.port}/hook", "{}", {}, timeout=1)
    assert answer.status is None and "in time" in answer.error
    assert not service.emptied.is_set()


def test_both_secrets_sign_for_a_day_after_a_rotation(post: Post) -> None:
    webhook, receiver = post.subscribed("approval.requested")
    old = receiver.secret
    with transaction(post.engine) as session:
        made = subscriptions.rotate(session, post.seal, webhook, by="ann")
    new = made.secret.get_secret_value()
    pending(post.engine)
    post.delivers()
    (got,) = receiver.accepted
    assert new != old
    for secret in (old, new):
        assert Webhook(secret).verify(got.body, dict(got.headers))


def test_a_test_is_sent_to_the_one_that_it_is_for(post: Post) -> None:
    webhook, receiver = post.subscribed("incident.*")
    _, other = post.subscribed()
    with transaction(post.engine) as session:
        subscriptions.test(session, post.seal, webhook, by="ann")
    post.delivers()
    assert [(got.type, got.data["actor"]) for got in receiver.accepted] == [("webhook.test", "ann")]
    assert other.got == []


def test_a_removed_one_is_told_of_nothing(post: Post) -> None:
    webhook, receiver = post.subscribed()
    pending(post.engine)
    with transaction(post.engine) as session:
        subscriptions.remove(session, webhook, by="ann")
    post.delivers()
    assert receiver.got == []
