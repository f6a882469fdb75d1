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
