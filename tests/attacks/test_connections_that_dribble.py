"""Opens many connections and sends a byte now and then, so that nobody else is answered."""

import socket

import httpx
import pytest

from countersign.web import limits
from tests.attacks.doors import House, house, nothing_changes
from tests.web.test_api_document import serving

__all__ = ["house"]
HEAD = b"POST /v1/approvals HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
MANY = 60


def test_who_dribbles_is_ended_and_holds_up_nobody(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    token = house.token("carol")
    monkeypatch.setattr(limits, "BODY_SECONDS", 2.0)
    with nothing_changes(house), serving(house.app) as address:
        port = int(address.rsplit(":", 1)[1])
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(MANY)]
        for each in slow:
            each.sendall(HEAD + b"Authorization: Bearer " + token.encode() + b"\r\n\r\n{")
        answer = httpx.get(f"{address}/v1/me", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert answer.json()["name"] == "carol"
        for each in slow:
            each.settimeout(30)
            said = b""
            while chunk := each.recv(65_536):
                said += chunk
            # The connection is closed, whatever else would have come on it.
            assert said.startswith(b"HTTP/1.1 408") and b"too_slow" in said
            each.close()
