"""Somebody wants a run to stop, and the event that says so is lost: the worker asks."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.states import Cancelling, Running, Suspended

from countersign.worker import stops
from countersign.worker.warm import WarmWorker


@flow
def nothing() -> None:
    """Is never run."""


async def runs(client: PrefectClient) -> dict[str, UUID]:
    states = {"running": Running(), "suspended": Suspended(timeout_seconds=600), "cancelling": Cancelling()}
    return {name: (await client.create_flow_run(nothing, state=state)).id for name, state in states.items()}


@pytest.mark.usefixtures("prefect_api")
@pytest.mark.parametrize("heard", [True, False])
def test_what_no_event_told_of_is_found_by_asking(monkeypatch: pytest.MonkeyPatch, heard: bool) -> None:
    monkeypatch.setattr(stops, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(stops, "HEARD_POLL_SECONDS", 0.02)
    asked: dict[str, UUID] = {}

    async def look() -> dict[str, UUID]:
        async with get_client() as client:
            made = await runs(client)
            stranger = (await client.create_flow_run(nothing, state=Cancelling())).id
            worker: Any = SimpleNamespace(
                client=client,
                _wakeup=SimpleNamespace(connected=heard),
                _active=dict.fromkeys([*made.values(), uuid4()], object()),
                _logger=logging.getLogger(__name__),
                _guarded=lambda call, run: call(run),
                _cancel_run=noted("cancelling"),
                _suspend_run=noted("suspended"),
            )
            watching = asyncio.create_task(WarmWorker._watch_for_stops(worker))
            async with asyncio.timeout(60):
                while len(asked) < 2 and not watching.done():
                    await asyncio.sleep(0.01)
            watching.cancel()
            assert stranger not in asked.values()
            return made

    def noted(name: str) -> Any:
        async def note(flow_run_id: UUID) -> None:
            asked[name] = flow_run_id

        return note

    made = asyncio.run(look())
    assert asked == {name: made[name] for name in ("cancelling", "suspended")}


def test_nothing_is_asked_where_nothing_runs() -> None:
    async def look() -> list[Any]:
        return list(await stops.asked_to_stop(object(), []))  # type: ignore[arg-type]

    assert asyncio.run(look()) == []
