"""How a program that speaks plain HTTP is let in by Prefect's API: its password, and for every change a token.

Prefect's own client does both by itself (prefect/client/base.py). A token is one client's, and lives for an hour.
"""

import base64
from collections.abc import Generator, Mapping
from time import monotonic
from uuid import uuid4

import httpx
from pydantic import SecretStr

_CHANGES = ("POST", "PUT", "PATCH", "DELETE")
KEPT_SECONDS = 1800.0
"""For how long a token is shown again."""


class Login(httpx.Auth):
    """`httpx.get(url, auth=Login(api_url, auth))`: Prefect's API at `api_url`, with its NAME:PASSWORD."""

    requires_response_body = True

    def __init__(self, api_url: str, auth: SecretStr) -> None:
        self._api_url = api_url
        self._basic = "Basic " + base64.b64encode(auth.get_secret_value().encode()).decode("ascii")
        self._client = str(uuid4())
        self._kept: tuple[str, float] | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add what the API asks for; httpx sends what is yielded."""
        request.headers["Authorization"] = self._basic
        if request.method not in _CHANGES:
            yield request
            return
        kept = self._kept
        if kept is None or monotonic() >= kept[1]:
            asked = httpx.Request("GET", f"{self._api_url}/csrf-token", params={"client": self._client})
            asked.headers["Authorization"] = self._basic
            answer = yield asked
            kept = self._kept = (answer.json()["token"], monotonic() + KEPT_SECONDS) if answer.is_success else None
        request.headers.update(self._shown(kept))
        answer = yield request
        if answer.status_code == httpx.codes.FORBIDDEN and kept is not None:
            # Of a server whose database is another one by now.
            self._kept = None

    def _shown(self, kept: tuple[str, float] | None) -> Mapping[str, str]:
        return {} if kept is None else {"Prefect-Csrf-Client": self._client, "Prefect-Csrf-Token": kept[0]}
