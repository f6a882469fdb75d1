"""Had somebody's token for an hour, made others with it, and comes back after the theft was noticed."""

import pytest

from countersign.cli import tokens
from countersign.execution.access import offer_login, shut_out
from countersign.records.database.engine import transaction
from tests.attacks.doors import House, house, nothing_changes, refused, told
from tests.planted import plant

__all__ = ["house"]


def test_nothing_that_it_made_opens_anything(house: House) -> None:
    stolen, browser = house.client("carol"), house.browser("carol")
    made = plant(stolen.post("/v1/tokens", json={"days": 1}).json()["token"])
    with transaction(house.services.engine) as session:
        link = offer_login(session, house.services.seal, subject="alice", by="carol").secret.get_secret_value()
        plant(link)
        ended = shut_out(session, "carol", by="ann")
    assert (ended.tokens, ended.sessions) == (2, 1)
    thief = house.client()
    with nothing_changes(house):
        for token in (made, stolen.headers["Authorization"].removeprefix("Bearer ")):
            answer = thief.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
            assert "was revoked" in refused(answer, 401, "unauthenticated")
        refused(browser.client.get("/v1/me"), 401, "unauthenticated")
        assert thief.post("/login", data={"code": link}).status_code == 401
    events = told(house)
    assert (events.count("access:token:revoked"), events.count("access:session:ended")) == (2, 1)


def test_others_stay_in(house: House) -> None:
    alice = house.client("alice")
    with transaction(house.services.engine) as session:
        shut_out(session, "carol", by="ann")
    assert alice.get("/v1/me").status_code == 200


def test_the_command_says_what_it_ended(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.token("carol")
    monkeypatch.setattr(tokens, "open_records", lambda: house.services.engine)
    tokens.shut_out_("carol", by="ann")
    assert "carol is shut out. Tokens revoked: 1, sessions ended: 0." in capsys.readouterr().out
