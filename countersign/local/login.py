"""How a program that speaks plain HTTP is let in by Prefect's API: its password, and for every change a token.

Prefect's own client does both by itself (prefect/client/base.py). A token is one client's, and lives for an hour.
"""

import base64
from collections.abc import Generator
from uuid import uuid4

import httpx
from pydantic import SecretStr

_CHANGES = ("POST", "PUT", "PATCH", "DELETE")


class Login(httpx.Auth):
    """`httpx.get(url, auth=Login(api_url, auth))`: Prefect's API at `api_url`, with its NAME:PASSWORD."""

    requires_response_body = True

    def __init__(self, api_url: str, auth: SecretStr) -> None:
        self._api_url = api_url
        self._basic = "Basic " + base64.b64encode(auth.get_secret_value().encode()).decode("ascii")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add what the API asks for; httpx sends what is yielded."""
        request.headers["Authorization"] = self._basic
        if request.method in _CHANGES:
            client = str(uuid4())
            asked = httpx.Request("GET", f"{self._api_url}/csrf-token", params={"client": client})
            asked.headers["Authorization"] = self._basic
            answer = yield asked
            if answer.is_success:
                request.headers["Prefect-Csrf-Client"] = client
                request.headers["Prefect-Csrf-Token"] = answer.json()["token"]
        yield request
