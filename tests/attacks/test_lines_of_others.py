"""Writes line breaks, escapes and other records' words into what is kept, logged and answered."""

import logging

import pytest

from tests.attacks.doors import Furnished, House, house, nothing_changes, refused, rooms

__all__ = ["house", "rooms"]
LINE = 'x\r\n{"event": "approval approved", "actor": "alice"}\r\nSet-Cookie: a=b'
FILE = {"action": "kubectl rollout restart deployment/api -n prod"}


@pytest.mark.parametrize("field", ["description", "incident_id", "matched_playbook_id"])
def test_a_field_with_an_escape_is_refused(house: House, field: str) -> None:
    client = house.client("carol")
    with nothing_changes(house):
        answer = client.post("/v1/approvals", json={**FILE, field: "INC\x1b[2K"})
        refused(answer, 422, "invalid_input")


@pytest.mark.parametrize("key", ["a\tb", "a b\x7f", "x" * 201, "\u00ad", "caf\u00e9\u200b"])
def test_a_key_is_one_visible_word(house: House, key: str) -> None:
    client = house.client("carol")
    with nothing_changes(house):
        answer = client.post("/v1/approvals", json=FILE, headers={b"idempotency-key": key.encode("utf-8")})
        assert answer.status_code == 422, answer.text


def test_no_header_and_no_line_of_the_log_is_made_of_what_was_sent(
    rooms: Furnished, caplog: pytest.LogCaptureFixture
) -> None:
    client = rooms.house.client("eve")
    with caplog.at_level(logging.DEBUG):
        answers = [
            client.get("/v1/approvals", params={"cursor": LINE}),
            client.get("/v1/knowledge", params={"q": LINE}),
            client.post("/v1/kill-switch", json={"on": "maybe", "reason": LINE}),
            client.post(f"/v1/incidents/{rooms.incident}/move", json={"status": LINE}),
            client.post("/v1/approvals", json={"action": LINE}),
        ]
    for answer in answers:
        assert "set-cookie" not in answer.headers
        # JSON keeps what was sent in one line.
        assert answer.text.count("\n") == 0 and "\r" not in answer.text
    assert not [record for record in caplog.records if "Set-Cookie: a=b" in record.getMessage().splitlines()]
