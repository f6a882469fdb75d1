"""One token against forged requests for everything that shares a client of Prefect's.

The server keeps one token for each client, and a new one makes the last one void. Prefect's client asks for one
whenever it has none (prefect/client/base.py, _add_csrf_headers), so requests that begin at the same time each ask,
are refused with each other's, and are tried again after pauses that double up to a minute.
"""

import asyncio

from httpx import Request
from prefect.client.base import PrefectHttpxAsyncClient
from prefect.client.orchestration import PrefectClient

TOKEN = "Prefect-Csrf-Token"  # noqa: S105 - the header's name


def share_token(client: PrefectClient) -> None:
    """Have the requests of `client` ask for a token one after the other, and only where the newest one is void."""
    http = client._client
    assert isinstance(http, PrefectHttpxAsyncClient)
    asking, newest = asyncio.Lock(), http.csrf_token

    async def add(request: Request) -> None:
        nonlocal newest
        async with asking:
            if http.csrf_token is None and request.headers.get(TOKEN) != newest:
                # It was refused with an older one.
                http.csrf_token = newest
            await PrefectHttpxAsyncClient._add_csrf_headers(http, request)
            newest = http.csrf_token

    http._add_csrf_headers = add  # type: ignore[method-assign]
