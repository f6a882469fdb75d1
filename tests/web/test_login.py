"""Getting in and out: what a session's cookie is, and what does not get one."""

from http.cookies import SimpleCookie

import pytest
from fastapi.testclient import TestClient

from countersign.execution.access import offer_login
from countersign.records.database.engine import transaction
from countersign.web.acting import COOKIE
from tests.planted import plant
from tests.web.conftest import ADDRESS, House


def code_for(house: House, name: str = "victor") -> str:
    with transaction(house.services.engine) as session:
        made = offer_login(session, house.services.seal, subject=name, by="the test")
    return plant(made.secret.get_secret_value())


def client_of(house: House) -> TestClient:
    return TestClient(house.app, base_url=ADDRESS, follow_redirects=False, raise_server_exceptions=False)


def test_a_link_begins_a_session_of_its_person_once(house: House) -> None:
    client, code = client_of(house), code_for(house)
    assert code in client.get("/login", params={"code": code}).text
    answer = client.post("/login", data={"code": code, "back": "/approvals"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/approvals")
    morsel = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert (morsel["secure"], morsel["httponly"], morsel["path"], morsel["domain"]) == (True, True, "/", "")
    assert morsel["samesite"].lower() == "lax"
    assert client.get("/approvals").status_code == 200
    assert client_of(house).post("/login", data={"code": code}).status_code == 401


def test_whoever_leaves_has_left_everywhere(house: House) -> None:
    browser = house.browser("victor")
    kept = browser.client.cookies[COOKIE]
    answer = browser.client.post("/logout", data={"csrf": browser.csrf}, follow_redirects=False)
    assert answer.headers["location"] == "/login?left=true"
    thief = client_of(house)
    thief.cookies.set(COOKIE, kept, domain="countersign.example")
    assert thief.get("/approvals").headers["location"].startswith("/login")


def test_a_page_that_was_asked_for_is_come_back_to(house: House) -> None:
    answer = client_of(house).get("/approvals")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?back=%2Fapprovals")


@pytest.mark.parametrize(
    "back",
    ["https://attacker.example", "//attacker.example", "/\\attacker.example", "javascript:alert(1)", "/\n/x", ""],
)
def test_nobody_is_led_elsewhere(house: House, back: str) -> None:
    answer = client_of(house).post("/login", data={"code": code_for(house), "back": back})
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_another_sites_page_logs_nobody_in(house: House, headers: dict[str, str]) -> None:
    code = code_for(house)
    answer = client_of(house).post("/login", data={"code": code}, headers=headers)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    assert client_of(house).post("/login", data={"code": code}).status_code == 303


def test_many_wrong_codes_have_to_wait(house: House) -> None:
    client = client_of(house)
    answers = [client.post("/login", data={"code": "csl_nonsense"}).status_code for _ in range(8)]
    assert answers[0] == 401
    assert answers[-1] == 429
    # Whoever shows what counts is let in: a neighbour's mistakes are nobody else's.
    assert client.post("/login", data={"code": code_for(house)}).status_code == 303


def test_without_a_provider_nobody_is_led_to_one(house: House) -> None:
    client = client_of(house)
    assert client.get("/login/oidc").status_code == 401
    assert client.get("/login/oidc/callback", params={"state": "x", "code": "y"}).status_code == 401


@pytest.mark.parametrize("credential", ["", "{}", "[]", "null", '{"response": {"userHandle": "Ym9i"}}', "{" * 5_000])
def test_what_is_no_passkeys_answer_logs_nobody_in(house: House, credential: str) -> None:
    client = client_of(house)
    client.get("/login")
    answer = client.post("/login/passkey", data={"credential": credential})
    assert answer.status_code in (401, 422)
    assert COOKIE not in answer.headers.get("set-cookie", "")
