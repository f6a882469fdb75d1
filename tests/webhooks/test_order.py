"""However often receivers fail, each gets every event that it asked for, in the order of the audit."""

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countersign.records import webhooks
from countersign.records.database.engine import transaction
from countersign.webhooks import subscriptions
from tests.records.builders import approved, pending
from tests.webhooks.conftest import Post
from tests.webhooks.receiver import Got, Reply

FAILURES: tuple[Reply, ...] = (
    (500, {}),
    (404, {}),
    (302, {"Location": "http://127.0.0.1:1/elsewhere"}),
    (503, {"Retry-After": "0"}),
    (429, {}),
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), filed=st.integers(1, 8), rounds=st.integers(1, 3))
def test_nothing_is_lost_and_the_order_holds(post: Post, seed: int, filed: int, rounds: int) -> None:
    chance = random.Random(seed)
    post.settings = post.settings.model_copy(update={"webhook_retry_seconds": 0.0005})
    with transaction(post.engine) as session:
        # Of the example before: they would be told of this one's events, too.
        for row in webhooks.webhooks(session):
            subscriptions.remove(session, row.id, by="ann")
    receivers = [post.subscribed(*events)[1] for events in (("*",), ("approval.*",), ("approval.approved",))]

    def reply(receiver_got: list[Got]) -> Reply:
        # Never ten times in a row: a dead event is another test's.
        tried = [got.id for got in receiver_got[-6:]]
        if chance.random() < 0.4 and (len(tried) < 6 or len(set(tried)) > 1):
            return chance.choice(FAILURES)
        return 200, {}

    for receiver in receivers:
        receiver.reply = lambda _got, receiver=receiver: reply(receiver.got)
    post.seals()
    before = len(post.events())
    for _ in range(rounds):
        for _ in range(filed):
            chance.choice((pending, approved))(post.engine)
        post.delivers()
    wanted = [event for event in post.events()[before:] if event.startswith("approval:")]
    for receiver in receivers:
        places = [got.event for got in receiver.accepted]
        assert places == sorted(set(places))
        # What is tried again is tried before anything else.
        assert [got.event for got in receiver.got] == sorted(got.event for got in receiver.got)
    assert len(receivers[0].accepted) == len(receivers[1].accepted) == len(wanted)
    assert len(receivers[2].accepted) == wanted.count("approval:request:signed")
