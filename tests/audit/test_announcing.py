"""The head is told to an address outside, not more often than once a minute, and no error tells the address."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from pydantic import SecretStr

from countersign.audit.announcing import SECONDS_BETWEEN, Announcing
from countersign.errors import DeliveryFailed


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
    announcing = Announcing(listener.url, clock=lambda: now[0])
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
    announcing = Announcing(listener.url, clock=lambda: now[0])
    listener.status = status
    with pytest.raises(DeliveryFailed, match=str(status)):
        announcing.tell("head 1")
    listener.status, now[0] = 204, SECONDS_BETWEEN
    assert announcing.tell("head 1")
    assert len(listener.heard) == 2


def test_an_error_does_not_tell_the_address() -> None:
    with pytest.raises(DeliveryFailed) as caught:
        Announcing(SecretStr("http://127.0.0.1:1/hunter2-path")).tell("head")
    assert "could not be reached" in str(caught.value)
