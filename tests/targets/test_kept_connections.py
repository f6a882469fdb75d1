"""What is kept of a cluster from one request to the next."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from countersign.targets.kubernetes import transport
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from countersign.targets.kubernetes.transport import Transport, transport_of


class Server(ThreadingHTTPServer):
    """Notes over which connection each request came; those for /together are answered once two are there."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[int] = []
        self.both = threading.Barrier(2)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.seen.append(self.client_address[1])
        if self.path == "/together":
            self.server.both.wait(60)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def way(server: Server) -> Transport:
    address = f"http://127.0.0.1:{server.server_address[1]}"
    return transport_of(ClusterSettings("c", server=address, token=SecretStr("t")))


def ask(way: Transport, path: str = "/") -> None:
    assert way.call("GET", path, query={}, headers={}, body=None, timeout=60).data == b"{}"


def two_at_once(way: Transport) -> None:
    askers = [threading.Thread(target=ask, args=(way, "/together")) for _ in range(2)]
    for each in askers:
        each.start()
    for each in askers:
        each.join()


def test_one_connection_serves_one_request_after_the_other(server: Server, way: Transport) -> None:
    for _ in range(3):
        ask(way)
    assert len(set(server.seen)) == 1


def test_a_connection_that_was_idle_for_long_is_not_used_while_another_is(
    server: Server, way: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "IDLE_SECONDS", 0.3)
    two_at_once(way)
    first = set(server.seen)
    began = time.monotonic()
    while time.monotonic() - began < 0.6:
        ask(way)
        time.sleep(0.05)
    busy = set(server.seen[-1:])
    two_at_once(way)
    assert len(first) == 2
    assert not set(server.seen[-2:]) & (first - busy)
