"""A service that drips, wherever in the exchange, holds nobody for longer than the time limit."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import httpx
import pytest
from pydantic import SecretStr

from countersign.aftermath.notifications import pagerduty
from countersign.aftermath.notifications.apprise_channel import prepare
from countersign.aftermath.notifications.message import Message
from countersign.aftermath.notifications.telegram import Telegram
from countersign.errors import DeliveryFailed
from countersign.execution.channels import Channel, TelegramBot
from countersign.execution.time_limit import within
from tests.aftermath.notifications.receiver import Receiver

DROPS = 300


class Dripping:
    """Says `first` at once and then a byte every fifth of a second, for a minute."""

    def __init__(self, first: str, *, asked: bool = True) -> None:
        self._first, self._asked = first.encode(), asked
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.emptied, self.stop = Event(), Event()
        Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.stop.set()
        self._server.close()

    def _serve(self) -> None:
        try:
            connection, _ = self._server.accept()
            with connection:
                if self._asked:
                    connection.recv(65_536)
                connection.sendall(self._first)
                for _ in range(DROPS):
                    if self.stop.wait(0.2):
                        return
                    connection.sendall(b"x")
                self.emptied.set()
        except OSError:
            pass


Drips = Callable[..., Dripping]


@pytest.fixture
def drips() -> Iterator[Drips]:
    services: list[Dripping] = []

    def start(first: str, *, asked: bool = True) -> Dripping:
        services.append(Dripping(first, asked=asked))
        return services[-1]

    yield start
    for service in services:
        service.close()


def tell(service: Dripping, scheme: str = "json", rest: str = "") -> None:
    channel = Channel("slow", SecretStr(f"{scheme}://127.0.0.1:{service.port}/{rest}"))
    prepare(channel, Message("Done", (("a", "b"),)), key="k", failed=False).send(2)


def body_of(status: str) -> str:
    return f"HTTP/1.1 {status}\r\nContent-Length: {DROPS}\r\n\r\n"


def test_a_message_is_delivered_once_the_status_says_so_however_slowly_the_rest_comes(drips: Drips) -> None:
    service = drips(body_of("200 OK"))
    tell(service)
    assert not service.emptied.is_set()


def test_a_refusal_that_drips_is_told_by_its_status(drips: Drips) -> None:
    service = drips(body_of("500 No"))
    with pytest.raises(DeliveryFailed, match="answers 500"):
        tell(service)
    assert not service.emptied.is_set()


def test_headers_that_drip_are_waited_for_until_the_time_limit_only(drips: Drips) -> None:
    service = drips("HTTP/1.1 200 OK\r\nX-Slow: ")
    tell(service)
    assert not service.emptied.is_set()


@pytest.mark.parametrize(
    ("first", "scheme", "rest", "asked"),
    [
        ("HTTP/1.1 ", "json", "", True),
        # A record of a TLS handshake that is announced as long and comes slowly.
        ("\x16\x03\x03\x3f\x00\x02\x00\x30\x00", "jsons", "", True),
        ("220 mail", "mailto", "?from=a@example.com&to=b@example.com", False),
    ],
    ids=["status line", "TLS", "SMTP"],
)
def test_without_a_status_in_time_a_message_is_not_delivered(
    drips: Drips, first: str, scheme: str, rest: str, asked: bool
) -> None:
    service = drips(first, asked=asked)
    with pytest.raises(DeliveryFailed, match="did not answer in time; the message may have arrived"):
        tell(service, scheme, rest)
    assert not service.emptied.is_set()


def test_a_pager_that_drips_is_waited_for_until_the_time_limit_only(
    drips: Drips, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = drips("HTTP/1.1 202 Accepted\r\nX-Slow: ")
    monkeypatch.setitem(pagerduty.ADDRESSES, "us", f"http://127.0.0.1:{service.port}/enqueue")
    channel = Channel("pager", SecretStr(f"pagerduty://{'i' * 32}@{'k' * 20}"))
    with pytest.raises(DeliveryFailed, match="did not answer in time"):
        prepare(channel, Message("Done", (("a", "b"),)), key="k", failed=False).send(2)
    assert not service.emptied.is_set()


def test_a_bot_that_drips_is_waited_for_until_the_time_limit_only(drips: Drips) -> None:
    service = drips("HTTP/1.1 200 OK\r\nX-Slow: ")
    bot = TelegramBot(SecretStr("1:a"), f"http://127.0.0.1:{service.port}")
    with pytest.raises(DeliveryFailed, match="did not answer getMe in time"):
        Telegram(bot, timeout=2).name()
    assert not service.emptied.is_set()


def test_what_others_send_meanwhile_has_its_own_time(receiver: Receiver) -> None:
    with within(0.2) as late:
        with ThreadPoolExecutor(1) as other:
            assert late.wait(60)
            address = f"http://{receiver.address}/other"
            assert other.submit(httpx.post, address, json={}).result().is_success
        with pytest.raises(httpx.ConnectTimeout):
            httpx.post(address, json={})
    assert httpx.post(address, json={}).is_success
