"""Has the cookie and the answer with which somebody has just logged in by a passkey, and shows both once more."""

import json
import re

from fastapi.testclient import TestClient

from countersign.policy.signers import Signer
from tests.attacks.doors import nothing_changes, told
from tests.execution.conftest import Office
from tests.policy.authenticator import Authenticator
from tests.web.conftest import ADDRESS, house_of

SITE = "countersign.example"


def test_an_answer_logs_in_once(office: Office) -> None:
    own = Authenticator(site=SITE, origin=ADDRESS)
    signers = (*office.services.policy.signers, Signer(name="alice", passkey=own.passkey))
    policy = office.services.policy.model_copy(update={"signers": signers})
    house = house_of(office.with_policy(policy), url=ADDRESS)
    browser = TestClient(house.app, base_url=ADDRESS)
    found = re.search(r'data-challenge="([^"]+)"', browser.get("/login").text)
    assert found is not None
    kept = dict(browser.cookies)
    answered = {"credential": json.dumps(own.credential(found[1], user="alice"))}
    assert browser.post("/login/passkey", data=answered, follow_redirects=False).status_code == 303
    thief = TestClient(house.app, base_url=ADDRESS)
    for name, value in kept.items():
        thief.cookies.set(name, value, domain=SITE)
    with nothing_changes(house):
        again = thief.post("/login/passkey", data=answered, follow_redirects=False)
    assert again.status_code == 401 and "set-cookie" not in again.headers
    assert "used already" in again.text
    assert told(house).count("access:session:begun") == 1
    house.app.state.changes.close()
