"""Many requests of one client at once, on a server that asks for a token against forged ones."""

import asyncio
from unittest.mock import patch

from httpx import Request, Response
from prefect.client.base import PrefectHttpxAsyncClient
from prefect.client.orchestration import get_client

from countersign.worker.tokens import TOKEN, share_token

AT_ONCE = 30


async def change_at_once(*, lose_token: bool) -> tuple[int, list[int]]:
    """Send changes side by side with one client; return how many tokens were asked for, and every answer's status."""
    asked, statuses = 0, []

    async def noted(request: Request) -> None:
        nonlocal asked
        asked += request.url.path.endswith("/csrf-token")

    async def answered(response: Response) -> None:
        statuses.append(response.status_code)

    async with get_client() as client:
        share_token(client)
        http = client._client
        http.event_hooks = {"request": [noted], "response": [answered]}
        if lose_token:
            await client.read_flow_runs(limit=1)
            assert isinstance(http, PrefectHttpxAsyncClient)
            http.csrf_token = "void"
        with patch("prefect.client.base.anyio.sleep", _at_once):
            await asyncio.gather(*(client.read_flow_runs(limit=1) for _ in range(AT_ONCE)))
    return asked, statuses


async def _at_once(_seconds: float) -> None:
    return None


def test_they_ask_for_one_token_and_none_is_refused(prefect_api: str) -> None:
    asked, statuses = asyncio.run(change_at_once(lose_token=False))
    assert asked == 1
    assert set(statuses) == {200}


def test_a_token_that_is_void_is_asked_for_anew_once(prefect_api: str) -> None:
    asked, statuses = asyncio.run(change_at_once(lose_token=True))
    assert asked == 2
    assert statuses.count(403) <= AT_ONCE


def test_the_header_is_prefects(prefect_api: str) -> None:
    async def sent() -> str | None:
        async with get_client() as client:
            share_token(client)
            request = client._client.build_request("POST", "/flows/filter", json={})
            await client._client.send(request)
            return request.headers.get(TOKEN)

    assert asyncio.run(sent())
