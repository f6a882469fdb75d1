"""A web page of somebody else's, open in an administrator's browser, which adds the administrator's login."""

import httpx
import pytest

from countersign.local.stack import Stack
from tests.stack.api import Api

FOREIGN = "https://evil.example"


def test_a_foreign_origin_is_not_allowed_to_read_answers(stack: Stack) -> None:
    asks = {"Origin": FOREIGN, "Access-Control-Request-Method": "POST"}
    url = f"{stack.addresses.api_url}/block_documents/filter"
    assert "access-control-allow-origin" not in httpx.options(url, headers=asks).headers
    own = httpx.options(url, headers={**asks, "Origin": stack.addresses.ui_url})
    assert own.headers["access-control-allow-origin"] == stack.addresses.ui_url


@pytest.mark.parametrize("content", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
def test_a_forged_request_changes_nothing_without_the_token(stack: Stack, api: Api, content: str) -> None:
    """Browsers send such content types without asking the server first."""
    login = api.http.get("/health").request.headers["Authorization"]
    headers = {"Origin": FOREIGN, "Content-Type": content, "Authorization": login}
    body = b'{"name": "forged", "value": 1}'
    answer = httpx.post(f"{stack.addresses.api_url}/variables/", content=body, headers=headers)
    assert answer.status_code == 403 and "CSRF" in answer.text
    assert api.http.get("/variables/name/forged").status_code == 404


def test_a_token_of_another_client_does_not_count(stack: Stack, api: Api) -> None:
    token = api.http.get("/csrf-token", params={"client": "mine"}).json()["token"]
    login = api.http.get("/health").request.headers["Authorization"]
    headers = {"Authorization": login, "Prefect-Csrf-Client": "another", "Prefect-Csrf-Token": token}
    answer = httpx.post(f"{stack.addresses.api_url}/variables/", json={"name": "forged"}, headers=headers)
    assert answer.status_code == 403


def test_a_token_that_is_known_lets_no_other_pass(stack: Stack, api: Api) -> None:
    """The server remembers for a while which tokens were right."""
    login = api.http.get("/health").request.headers["Authorization"]
    token = api.http.get("/csrf-token", params={"client": "known"}).json()["token"]

    def asked(client: str, token: str, method: str = "POST", path: str = "/variables/filter") -> int:
        headers = {"Authorization": login, "Prefect-Csrf-Client": client, "Prefect-Csrf-Token": token}
        return httpx.request(method, f"{stack.addresses.api_url}{path}", headers=headers).status_code

    assert [asked("known", token) for _ in range(3)] == [200] * 3
    assert asked("another", token) == 403
    assert asked("known", "0" * len(token)) == 403
    # What reads shows nothing that anybody has looked at.
    assert asked("stranger", "made-up", "GET", "/variables/name/none") == 404
    assert asked("stranger", "made-up") == 403
