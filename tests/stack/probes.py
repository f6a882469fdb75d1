"""Flows that the stack's tests run through the warm worker. They tell and are told things by files."""

import asyncio
import os
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.client.orchestration import get_client


@task
async def double(number: int) -> int:
    return 2 * number


@flow
async def adding(number: int = 1) -> int:
    return await double(number) + 1


@flow
async def failing() -> None:
    raise ValueError("the target said no")


@flow
async def waiting(folder: str) -> None:
    """Say 'started', then wait for 'go'; say 'cancelled' when cancelled."""
    (Path(folder) / "started").write_text(str(os.getpid()))
    try:
        while not (Path(folder) / "go").exists():
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        (Path(folder) / "cancelled").touch()
        raise


@flow
async def with_child(folder: str) -> None:
    await waiting(folder)


@task
async def count(file: str) -> None:
    with Path(file).open("a") as counted:
        counted.write("x")


@flow
async def stepping(folder: str) -> None:
    """Like waiting, then one task that can be counted."""
    await waiting.fn(folder)
    await count(f"{folder}/counted")


@flow
async def telling_its_client(folder: str) -> None:
    """Note how many runs had the synchronous client that Prefect's engine gets."""
    client: Any = get_client(sync_client=True)
    client.had_by = getattr(client, "had_by", 0) + 1
    with (Path(folder) / "clients").open("a") as noted:
        noted.write(f"{client.had_by}\n")


@flow
async def killing_its_process() -> None:
    os._exit(7)


@flow
async def leaving_the_interpreter() -> None:
    raise SystemExit(3)


@flow
def blocking(number: int) -> int:
    return number
