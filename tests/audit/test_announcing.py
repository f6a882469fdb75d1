"""The head is told to an address outside, not more often than once a minute, and no error tells the address."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import cast

import pytest
from pydantic import SecretStr

from countersign.audit.announcing import SECONDS_BETWEEN, Announcing, to_webhook
from countersign.audit.sealing import Sealing
from countersign.errors import DeliveryFailed
from countersign.settings import Settings
from countersign.worker.sealing import _round, announcing_of


class Listener(HTTPServer):
    """Keeps what it is sent, and answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard: list[str] = []
        self.status = 204

    @property
    def url(self) -> SecretStr:
        return SecretStr(f"http://127.0.0.1:{self.server_port}/hunter2-path")


class Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        self.server.heard.append(self.rfile.read(int(self.headers["content-length"])).decode())
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_head_is_told_once_and_the_next_one_a_minute_later(listener: Listener) -> None:
    now = [0.0]
    announcing = Announcing(to_webhook(listener.url), clock=lambda: now[0])
    assert announcing.tell("head 1")
    now[0] += SECONDS_BETWEEN - 1
    assert not announcing.tell("head 2")
    now[0] += 1
    assert announcing.tell("head 3")
    now[0] += SECONDS_BETWEEN
    assert not announcing.tell("head 3")
    assert listener.heard == ["head 1", "head 3"]


@pytest.mark.parametrize("status", [500, 302])
def test_a_head_that_was_not_taken_is_told_again(listener: Listener, status: int) -> None:
    now = [0.0]
    announcing = Announcing(to_webhook(listener.url), clock=lambda: now[0])
    listener.status = status
    with pytest.raises(DeliveryFailed, match=str(status)):
        announcing.tell("head 1")
    listener.status, now[0] = 204, SECONDS_BETWEEN
    assert announcing.tell("head 1")
    assert len(listener.heard) == 2


def test_an_error_does_not_tell_the_address() -> None:
    with pytest.raises(DeliveryFailed) as caught:
        Announcing(to_webhook(SecretStr("http://127.0.0.1:1/hunter2-path"))).tell("head")
    assert "could not be reached" in str(caught.value)


NOTE = "countersign.example/audit\n42\nq2Nv\n\n\u2014 countersign.example/audit AAAA\n"


def test_a_channel_is_told_the_whole_note(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_ALLOWED_LOCAL_ADDRESSES", "127.0.0.1")
    address = listener.url.get_secret_value().removeprefix("http")
    (announcing,) = announcing_of(Settings(audit_head_channel=SecretStr(f"json{address}")))
    assert announcing.tell(NOTE)
    assert not announcing.tell("the next one"), "an hour has not passed"
    (heard,) = map(json.loads, listener.heard)
    assert all(line in heard["message"] for line in NOTE.split("\n"))


@pytest.mark.parametrize("address", ["json://127.0.0.1:1/hunter2-path", "nonsense-hunter2"])
def test_a_channel_that_cannot_be_told_is_said_without_its_address(address: str) -> None:
    (announcing,) = announcing_of(Settings(audit_head_channel=SecretStr(address)))
    with pytest.raises(DeliveryFailed) as caught:
        announcing.tell(NOTE)
    assert "hunter2" not in caught.value.told


def test_who_cannot_be_told_keeps_no_other_from_it(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Settings(audit_head_webhook=SecretStr("http://127.0.0.1:1/"), audit_head_channel=listener.url)
    webhook, _channel = announcing_of(found)
    other = Announcing(to_webhook(listener.url))
    sealing = SimpleNamespace(round=lambda: SimpleNamespace(note=NOTE))
    with pytest.raises(DeliveryFailed):
        _round(cast(Sealing, sealing), (webhook, other))
    assert listener.heard == [NOTE]
