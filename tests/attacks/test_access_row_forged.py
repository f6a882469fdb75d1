"""Holds the database: writes tokens and sessions of its own, and changes those of others."""

import hashlib
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from countersign.policy.roles import Role
from countersign.web.acting import COOKIE
from tests.attacks.conftest import Sql
from tests.attacks.doors import House, house, nothing_changes, refused, told
from tests.planted import plant
from tests.web.conftest import ADDRESS

__all__ = ["house"]
TOKEN = """
    INSERT INTO access_token (id, subject, kind, label, roles, hash, mac, created_by, created_at, expires_at)
    VALUES (:id, 'ann', 'person', '', '{}', :hash, :mac, 'ann', now(), now() + interval '1 day')
"""
SESSION = """
    INSERT INTO web_session (id, subject, groups, method, hash, mac, created_at, expires_at, seen_at)
    VALUES (:id, 'ann', '{}', 'code', :hash, :mac, now(), now() + interval '1 hour', now())
"""

SESSION_OF_A_TOKEN = """
    INSERT INTO web_session (id, subject, groups, method, hash, mac, created_at, expires_at, seen_at)
    SELECT id, subject, '{}', 'code', :hash, mac, created_at, expires_at, created_at FROM access_token
"""


def made(prefix: str) -> tuple[object, str, str]:
    """Return an id, what is shown, and its hash: all that a row needs but the seal."""
    name = uuid4()
    shown = plant(f"{prefix}{name.hex}_hunter2hunter2hunter2hunter2")
    return name, shown, hashlib.sha256(shown.encode()).hexdigest()


def test_a_token_that_was_written_into_the_database_opens_nothing(house: House, as_owner: Sql) -> None:
    name, shown, hashed = made("cst_")
    as_owner(TOKEN, id=name, hash=hashed, mac=hashlib.sha256(b"x").hexdigest())
    client = TestClient(house.app, base_url=ADDRESS, headers={"Authorization": f"Bearer {shown}"})
    with nothing_changes(house):
        said = refused(client.post("/v1/kill-switch", json={"on": False, "reason": "x"}), 409, "tampered")
    assert "not as Countersign made it" in said
    assert told(house) == ["tampering:access:refused"]


def test_a_session_that_was_written_into_the_database_opens_nothing(house: House, as_owner: Sql) -> None:
    name, shown, hashed = made("css_")
    as_owner(SESSION, id=name, hash=hashed, mac=hashlib.sha256(b"x").hexdigest())
    client = TestClient(house.app, base_url=ADDRESS)
    client.cookies.set(COOKIE, shown, domain="countersign.example")
    with nothing_changes(house):
        refused(client.get("/v1/me"), 409, "tampered")
    assert told(house) == ["tampering:access:refused"]


@pytest.mark.parametrize(
    "change",
    [
        "subject = 'ann'",
        "roles = '{}'",
        "kind = 'person'",
        "expires_at = expires_at + interval '1 year'",
    ],
)
def test_a_token_whose_row_was_changed_opens_nothing(house: House, as_owner: Sql, change: str) -> None:
    client = house.client("carol", roles=(Role.VIEWER,))
    assert client.get("/v1/me").status_code == 200
    as_owner(f"UPDATE access_token SET {change}")
    with nothing_changes(house):
        refused(client.get("/v1/me"), 409, "tampered")
    assert told(house)[-1] == "tampering:access:refused"


def test_the_seal_of_a_token_is_none_of_a_session(house: House, as_owner: Sql) -> None:
    shown = house.token("ann").replace("cst_", "css_")
    as_owner(SESSION_OF_A_TOKEN, hash=hashlib.sha256(shown.encode()).hexdigest())
    client = TestClient(house.app, base_url=ADDRESS)
    client.cookies.set(COOKIE, shown, domain="countersign.example")
    with nothing_changes(house):
        refused(client.get("/v1/me"), 409, "tampered")
    assert told(house)[-1] == "tampering:access:refused"
