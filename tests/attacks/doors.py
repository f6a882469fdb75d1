"""The doors that are attacked: the application on real records, and a look at whether anything came of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from httpx import Response
from sqlalchemy import text

from tests.attacks.conftest import Office, audited
from tests.web.conftest import House, house
from tests.web.records import Furnished, furnished

__all__ = ["Furnished", "House", "house", "nothing_changes", "refused", "rooms", "told"]

STATE = {
    "approvals": "SELECT id, status, requested_by, action, updated_at FROM approval ORDER BY id",
    "signatures": "SELECT seq, approval_id, signer FROM signature ORDER BY seq",
    "executions": "SELECT id, outcome FROM execution ORDER BY id",
    "tokens": "SELECT id, subject, roles, expires_at, revoked_at FROM access_token ORDER BY id",
    "sessions": "SELECT id, subject, ended_at FROM web_session ORDER BY id",
    "switch": "SELECT is_on, changed_by FROM control",
    "incidents": "SELECT id, status, version FROM incident ORDER BY id",
    "playbooks": "SELECT id, status, version FROM playbook ORDER BY id",
    "policy": "SELECT number, hash, activated_at FROM policy_version ORDER BY number",
    "break_glass": "SELECT id, confirmed_by, ended_at FROM break_glass ORDER BY id",
    "answers": "SELECT subject, key FROM answered_request ORDER BY 1, 2",
}


def state(house: House) -> dict[str, list[tuple[object, ...]]]:
    """Return everything that an attack could want to change."""
    with house.services.engine.connect() as connection:
        return {name: [tuple(row) for row in connection.execute(text(query))] for name, query in STATE.items()}


@contextmanager
def nothing_changes(house: House) -> Iterator[None]:
    """See that what is done meanwhile changes no record but the audit."""
    before = state(house)
    yield
    assert state(house) == before


def refused(answer: Response, status: int, code: str) -> str:
    """See that it was refused with a sentence, and return that."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()["detail"]
    assert len(said) > 10 and said[-1] != "\n"
    return str(said)


def told(house: House) -> list[str]:
    """Return what the audit says of those who wanted in, and of tampering with what lets them in."""
    return [event for chain in ("access", "tampering") for event in audited(house.office, chain)]


@pytest.fixture
def rooms(office: Office, tmp_path: Path) -> Iterator[Furnished]:
    """The application over records of every kind."""
    found = furnished(office, tmp_path)
    yield found
    found.house.app.state.changes.close()
