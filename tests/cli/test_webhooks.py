"""`countersign webhooks`: made, shown, sent to, set back and removed by commands."""

import json
from collections.abc import Iterator
from threading import Event, Thread

import pytest
import yaml

from countersign.records.database.engine import transaction
from countersign.records.webhook_sources import sources
from tests.cli.conftest import Run
from tests.planted import plant
from tests.records.builders import pending
from tests.webhooks.conftest import Post, post

__all__ = ["post"]


def added(run: Run, post: Post, *events: str) -> str:
    receiver = post.receiver()
    words = [word for event in events for word in ("--events", event)]
    out, err = run("webhooks", "add", receiver.url, *words, "--by", "ann")
    receiver.secret = plant(out.strip())
    (row,) = json.loads(run("webhooks", "list", "-o", "json")[0])
    assert row["id"] in err and out.startswith("whsec_")
    assert out.strip() not in err
    return str(row["id"])


@pytest.fixture
def working(post: Post) -> Iterator[None]:
    """A worker that seals and sends for as long as the test lasts."""
    over = Event()

    def work() -> None:
        while not over.wait(0.1):
            post.delivers()

    thread = Thread(target=work)
    thread.start()
    yield
    over.set()
    thread.join()


def test_a_webhook_is_listed_without_its_secret(run: Run, post: Post) -> None:
    webhook = added(run, post, "approval.*", "execution.settled")
    shown = run("webhooks", "list")[0]
    assert webhook in shown and "approval.* execution.settled" in shown and "never" in shown
    assert "attempts" in run("webhooks", "list", "-o", "wide")[0]
    (row,) = yaml.safe_load(run("webhooks", "list", "-o", "yaml")[0])
    assert (row["created_by"], row["events"], "mac" in row) == ("ann", ["approval.*", "execution.settled"], False)


def test_what_was_sent_is_listed_and_sent_again(run: Run, post: Post) -> None:
    webhook = added(run, post, "approval.requested")
    pending(post.engine)
    post.delivers()
    (row,) = json.loads(run("webhooks", "deliveries", webhook, "--json")[0])
    assert (row["result"], row["http_status"], row["attempt"]) == ("sent", 204, 1)
    assert "sent" in run("webhooks", "deliveries", webhook)[0]
    run("webhooks", "replay", webhook, "--event", str(row["event"]))
    run("webhooks", "replay", webhook, "--since", "1h")
    post.delivers()
    (receiver,) = post.receivers
    assert len(receiver.accepted) == 3
    assert len({got.id for got in receiver.accepted}) == 1
    assert json.loads(run("webhooks", "deliveries", webhook, "--result", "dead", "--json")[0]) == []


@pytest.mark.usefixtures("working")
def test_a_test_says_what_came_of_it(run: Run, post: Post) -> None:
    webhook = added(run, post, "incident.*")
    assert "sent  204" in run("webhooks", "test", webhook)[0]


def test_a_rotation_prints_another_secret(run: Run, post: Post) -> None:
    webhook = added(run, post, "*")
    (receiver,) = post.receivers
    assert plant(run("webhooks", "rotate", webhook)[0].strip()) != receiver.secret
    run("webhooks", "enable", webhook)


def test_a_removed_one_is_gone(run: Run, post: Post) -> None:
    webhook = added(run, post, "*")
    run("webhooks", "remove", webhook)
    assert "webhooks add" in run("webhooks", "list")[1]
    code, _, err = run.refused("webhooks", "rotate", webhook)
    assert code and "was removed" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "http://example.com/", "--events", "*"), "not encrypted"),
        (("add", "https://10.0.0.1/", "--events", "*"), "private network"),
        (("add", "https://example.com/", "--events", "aproval.*"), "approval.requested"),
        (("replay", "019b1c00-0000-7000-8000-0000000000aa"), "give one of both"),
        (("deliveries", "019b1c00-0000-7000-8000-0000000000aa"), "does not exist"),
        (("deliveries", "x"), "ID"),
    ],
)
def test_a_mistake_is_said(run: Run, words: tuple[str, ...], said: str) -> None:
    assert said in run.refused("webhooks", *words)[2]


def test_a_source_is_made_listed_and_ended(run: Run, post: Post) -> None:
    out, err = run("webhooks", "sources", "new", "jira", "--by", "ann")
    secret = plant(out.strip())
    with transaction(post.engine) as session:
        (row,) = sources(session)
    assert f"/v1/inbound/{row.id}" in err and secret not in err
    assert "jira" in run("webhooks", "sources", "list")[0]
    (listed,) = json.loads(run("webhooks", "sources", "list", "--json")[0])
    assert set(listed) == {"id", "subject", "created_by", "created_at"}
    run("webhooks", "sources", "end", str(row.id))
    assert "sources new" in run("webhooks", "sources", "list")[1]
