"""May say where webhooks lead, or answer as a receiver: the machine itself, private networks, a cloud's metadata."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from countersign.errors import AddressForbidden, CountersignError, InvalidInput
from countersign.records.database.engine import transaction
from countersign.settings import settings
from countersign.webhooks import subscriptions
from countersign.webhooks.sending import post as send
from tests.records.builders import pending
from tests.webhooks.conftest import Post, post
from tests.webhooks.receiver import Receiver

__all__ = ["post"]
METADATA = "http://169.254.169.254/latest/meta-data/iam"


@pytest.fixture
def nothing_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTERSIGN_ALLOWED_LOCAL_ADDRESSES")
    settings.cache_clear()


@pytest.fixture
def other() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def refusal(post: Post, url: str) -> CountersignError:
    with pytest.raises(CountersignError) as refused, transaction(post.engine) as session:
        subscriptions.add(session, post.seal, url=url, events=["*"], by="mallory")
    return refused.value


@pytest.mark.usefixtures("nothing_listed")
@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
        *("169.254.169.254", "metadata.google.internal", "METADATA.google.internal.", "[fd00:ec2::254]"),
        *("10.1.2.3", "172.16.0.1", "192.168.0.9", "100.64.0.1", "[fd12::1]", "[fe80::1]", "[::ffff:10.0.0.1]"),
        *("198.18.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255"),
    ],
)
def test_no_webhook_is_added_that_leads_there(post: Post, host: str) -> None:
    assert isinstance(refusal(post, f"https://{host}/hook"), AddressForbidden)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "ftp://example.com/hook",
        "file:///etc/passwd",
        "//example.com/hook",
        "https:///hook",
        "https://user:hunter2@example.com/",
        "https://example.com/#x",
        "https://example.com\\@169.254.169.254/",
        "https://example.com/ x",
        "https://example.com/\r\nX-Injected: 1",
        "https://exаmple.com/",
        "https://example.com:99999/",
        "https://[::1/",
        f"https://example.com/{'x' * 3000}",
    ],
)
def test_an_address_that_is_none_or_not_encrypted_is_refused(post: Post, url: str) -> None:
    found = refusal(post, url)
    assert isinstance(found, InvalidInput)
    assert "hunter2" not in found.message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(post: Post, other: Receiver, status: int) -> None:
    webhook, receiver = post.subscribed("approval.requested")
    where = [other.url, METADATA]
    receiver.reply = lambda _got: (status, {"Location": where[len(receiver.got) % 2]})
    pending(post.engine)
    post.delivers(until=lambda: len(post.log(webhook)) >= 3)
    assert {row.http_status for row in post.log(webhook)} == {status}
    assert other.paths == []


@pytest.mark.usefixtures("nothing_listed")
@pytest.mark.parametrize("answers", [["127.0.0.1"], ["10.0.0.7"], ["169.254.169.254"], ["203.0.113.7", "127.0.0.1"]])
def test_a_name_is_judged_by_the_address_that_is_connected_to(
    post: Post, other: Receiver, monkeypatch: pytest.MonkeyPatch, answers: list[str]
) -> None:
    """A name server that answers otherwise the second time gains nothing."""
    real, given = socket.getaddrinfo, iter([*answers, *[answers[-1]] * 20])

    def rebinding(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return real(next(given) if name == "rebinding.example" else host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    port = other.url.rsplit(":", 1)[1].split("/")[0]
    if len(answers) > 1:
        socket.getaddrinfo("rebinding.example", 80)
    with pytest.raises(AddressForbidden, match="COUNTERSIGN_ALLOWED_LOCAL_ADDRESSES"):
        send(f"https://rebinding.example:{port}/hook", "{}", {}, timeout=5)
    assert other.paths == []


def test_what_is_listed_no_more_is_told_nothing_and_that_is_told(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook, receiver = post.subscribed("approval.requested")
    monkeypatch.delenv("COUNTERSIGN_ALLOWED_LOCAL_ADDRESSES")
    settings.cache_clear()
    pending(post.engine)
    post.delivers(until=lambda: len(post.log(webhook)) >= 2)
    assert receiver.got == []
    assert receiver.url not in "".join(row.error for row in post.log(webhook))
    assert post.told("access:request:refused") == 1


def test_no_proxy_of_the_environment_is_told(post: Post, other: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, other.url.removesuffix("/hook"))
    _, receiver = post.subscribed("approval.requested")
    pending(post.engine)
    post.delivers()
    assert (len(receiver.accepted), other.paths) == (1, [])


def test_an_answer_that_never_ends_is_not_read(post: Post) -> None:
    webhook, receiver = post.subscribed("approval.requested")
    receiver.reply = lambda _got: (200, {"Content-Length": str(10**12)})
    pending(post.engine)
    post.delivers()
    assert [row.result for row in post.log(webhook)] == ["sent"]
