"""Opens connections and says nothing on them, or never ends a head, so that nobody else gets one."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn

from countersign.web import head_in_time
from countersign.web.serving import config_of
from tests.attacks.doors import House, house

__all__ = ["house"]
ASK = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def serving(house: House, **settings: object) -> Iterator[str]:
    """Serve as the web process does."""
    configured = house.services.settings.model_copy(update=settings)
    server = uvicorn.Server(config_of(house.app, configured, host="127.0.0.1", port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


def answer_on(connection: socket.socket) -> bytes:
    """Return everything up to the connection's end."""
    connection.settimeout(30)
    said = b""
    while chunk := connection.recv(65_536):
        said += chunk
    return said


@pytest.mark.parametrize("begun", [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"])
@pytest.mark.parametrize("before", [b"", ASK])
def test_a_connection_without_a_request_is_ended(
    house: House, monkeypatch: pytest.MonkeyPatch, before: bytes, begun: bytes
) -> None:
    monkeypatch.setattr(head_in_time, "HEAD_SECONDS", 1.0)
    with serving(house) as address:
        port = int(address.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(before + begun)
            said = answer_on(connection)
    assert said.count(b"HTTP/1.1 200") == (1 if before else 0)


def test_an_answer_may_take_longer_than_a_head(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_in_time, "HEAD_SECONDS", 0.5)
    carol = house.client("carol")
    approval = carol.post("/v1/approvals", json={"action": "kubectl rollout restart deployment/api -n prod"}).json()
    headers = {"Authorization": carol.headers["Authorization"]}
    with serving(house) as address, httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        for _ in range(2):
            found = client.get(f"/v1/approvals/{approval['approval']['id']}", params={"wait": 1.5})
            assert found.json()["status"] == "pending"


@pytest.mark.parametrize(("proxies", "status"), [((), 429), (("127.0.0.1",), 401)])
def test_where_a_guess_comes_from_is_not_its_own_to_say(house: House, proxies: tuple[str, ...], status: int) -> None:
    with serving(house, web_proxies=proxies) as address:
        for number in range(8):
            headers = {"Authorization": "Bearer cst_x", "X-Forwarded-For": f"203.0.113.{number}"}
            last = httpx.get(f"{address}/v1/me", headers=headers)
    assert last.status_code == status
