"""A service whose answer drips holds nobody for longer than the time limit."""

import socket
from collections.abc import Iterator
from threading import Event, Thread

import pytest
from pydantic import SecretStr

from countersign.aftermath.telling.message import Message
from countersign.aftermath.telling.sending import send
from countersign.errors import DeliveryFailed
from countersign.execution.channels import Channel

DROPS = 300


class Dripping:
    """Sends its answer's head at once and then a byte every fifth of a second, for a minute."""

    def __init__(self, status: str) -> None:
        self._head = f"HTTP/1.1 {status}\r\nContent-Length: {DROPS}\r\n\r\n".encode()
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
                connection.recv(65_536)
                connection.sendall(self._head)
                for _ in range(DROPS):
                    if self.stop.wait(0.2):
                        return
                    connection.sendall(b"x")
                self.emptied.set()
        except OSError:
            pass


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[Dripping]:
    dripping = Dripping(request.param)
    yield dripping
    dripping.close()


def tell(service: Dripping) -> None:
    channel = Channel("slow", SecretStr(f"json://127.0.0.1:{service.port}/"))
    send(channel, Message("Done", (("a", "b"),)), key="k", failed=False, timeout=2)


@pytest.mark.parametrize("service", ["200 OK"], indirect=True)
def test_a_message_is_delivered_once_the_status_says_so_however_slowly_the_rest_comes(service: Dripping) -> None:
    tell(service)
    assert not service.emptied.is_set()


@pytest.mark.parametrize("service", ["500 No"], indirect=True)
def test_a_refusal_that_drips_is_told_by_its_status(service: Dripping) -> None:
    with pytest.raises(DeliveryFailed, match="answers 500"):
        tell(service)
    assert not service.emptied.is_set()
