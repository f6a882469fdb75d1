"""A plain asyncio service: the same requests and rows, and nothing that survives its process."""

import asyncio
import json
import time

import httpx
from psycopg_pool import AsyncConnectionPool

from benchmarks.peers import work
from benchmarks.peers.service import Given, api, done, given, ready


async def main() -> None:
    """Restart every Deployment that is named."""
    told = given()
    async with (
        AsyncConnectionPool(told.database_url, max_size=16, open=False) as pool,
        httpx.AsyncClient(**api(told.kubeconfig)) as http,  # type: ignore[arg-type]
    ):
        await pool.open()
        async with pool.connection() as connection:
            await connection.execute(work.SCHEMA)
            for name in told.names:
                await connection.execute("INSERT INTO request (name) VALUES (%s)", (name,))
        await asyncio.to_thread(ready)
        began = time.time()
        slots = asyncio.Semaphore(work.AT_ONCE)
        await asyncio.gather(*(_restart(told, pool, http, name, slots) for name in told.names))
        await asyncio.to_thread(done, began)


async def _restart(
    told: Given, pool: AsyncConnectionPool, http: httpx.AsyncClient, name: str, slots: asyncio.Semaphore
) -> None:
    path = work.path_of(told.namespace, name)
    async with slots:
        await _write(pool, (work.CLAIM, (name,)))
        (await http.get(path)).raise_for_status()
        body, headers = work.patch(), {"Content-Type": work.JSON_PATCH}
        (await http.patch(path, params={"dryRun": "All"}, json=body, headers=headers)).raise_for_status()
        await _write(pool, (work.TRAIL, (name, "intent", json.dumps(body))))
        (await http.patch(path, json=body, headers=headers)).raise_for_status()
        await _write(pool, (work.TRAIL, (name, "answer", "{}")))
        await _write(pool, (work.SETTLE, (name,)), (work.TRAIL, (name, "settled", "{}")))
    while not work.is_complete((await http.get(path)).raise_for_status().json()):  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(work.LOOK_SECONDS)
    await _write(pool, (work.VERDICT, (name, "effective", "{}")))
    await _write(pool, (work.LOG, (name, "{}")))
    await _write(pool, (work.CASE, (name, f"{name} was restarted")))
    await _write(pool, (work.COUNT, ()))


async def _write(pool: AsyncConnectionPool, *statements: tuple[str, tuple[object, ...]]) -> None:
    """Write in one transaction."""
    async with pool.connection() as connection:
        for statement, values in statements:
            await connection.execute(statement, values)


if __name__ == "__main__":
    asyncio.run(main())
