"""Has a token that was copied while it counted, and shows it after its owner has ended it."""

from fastapi.testclient import TestClient

from countersign.execution.access import end_session
from countersign.records.database.engine import transaction
from tests.attacks.conftest import Sql
from tests.attacks.doors import House, house, nothing_changes, refused, told
from tests.web.conftest import ADDRESS

__all__ = ["house"]
FILE = {"action": "kubectl rollout restart deployment/api -n prod"}


def test_a_token_that_was_revoked_opens_nothing(house: House) -> None:
    client = house.client("carol")
    (own,) = client.get("/v1/tokens").json()
    assert client.post(f"/v1/tokens/{own['id']}/revoke").status_code == 200
    with nothing_changes(house):
        assert "was revoked" in refused(client.post("/v1/approvals", json=FILE), 401, "unauthenticated")
        assert "was revoked" in refused(client.get("/v1/me"), 401, "unauthenticated")
    assert told(house).count("access:login:refused") == 2


def test_a_token_past_its_time_opens_nothing(house: House, as_owner: Sql) -> None:
    client = house.client("carol")
    as_owner("UPDATE access_token SET created_at = created_at - interval '3 days'")
    assert client.get("/v1/me").status_code == 200, "when it was made is no limit"
    as_owner("UPDATE access_token SET expires_at = expires_at - interval '2 days'")
    with nothing_changes(house):
        # Its end is under seal: who moves it, even to earlier, has changed the record.
        refused(client.get("/v1/me"), 409, "tampered")
    assert told(house)[-1] == "tampering:access:refused"


def test_a_session_that_has_ended_opens_nothing(house: House) -> None:
    browser = house.browser("alice")
    assert browser.client.get("/v1/me").status_code == 200
    with transaction(house.services.engine) as session:
        end_session(session, browser.session_id, by="alice")
    with nothing_changes(house):
        refused(browser.client.get("/v1/me"), 401, "unauthenticated")
    assert told(house)[-1] == "access:login:refused"


def test_a_stolen_token_shows_no_more_than_its_own(house: House) -> None:
    stolen = house.token("carol")
    guessed = stolen[:-1] + ("B" if stolen.endswith("A") else "A")
    client = TestClient(house.app, base_url=ADDRESS, headers={"Authorization": f"Bearer {guessed}"})
    with nothing_changes(house):
        refused(client.get("/v1/me"), 401, "unauthenticated")
