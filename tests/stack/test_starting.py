"""Who begins a run, and what is started again: on Prefect's real server, with a pool that hands out nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.sorting import FlowRunSort
from prefect.settings import temporary_settings
from prefect.states import Crashed

from countersign.local.stack import Stack
from countersign.texts import text
from countersign.worker.orphans import owner_of
from countersign.worker.run_starter import RUNS_PER_TRY, Starter, start_once
from countersign.worker.warm import WarmWorker
from tests.stack.api import Api, client_settings
from tests.stack.declaring import PROBES

POOL = "unserved"
T = TypeVar("T")


@pytest.fixture(scope="module")
def deployment(stack: Stack, api: Api) -> Iterator[UUID]:
    """A deployment whose runs no worker takes."""
    api.make_pool(POOL, WarmWorker.type)
    with temporary_settings(client_settings(stack)):
        yield UUID(api.deploy(PROBES, "adding", pool=POOL))


def asked(question: Callable[[PrefectClient], Awaitable[T]]) -> T:
    async def ask() -> T:
        async with get_client() as client:
            return await question(client)

    return asyncio.run(ask())


def test_a_claim_says_whose_it_is_before_the_run_begins(api: Api, deployment: UUID) -> None:
    async def claim(client: PrefectClient) -> bool:
        run = await client.read_flow_run(UUID(api.run(str(deployment))))
        async with WarmWorker(work_pool_name=POOL, name="one") as worker:
            assert await worker._propose_pending_state(run)
        found = await client.read_flow_run(run.id)
        return found.infrastructure_pid is None and owner_of(found) == worker._identity

    assert asked(claim)


def test_a_claim_whose_answer_was_lost_is_kept_and_no_other_worker_has_it(api: Api, deployment: UUID) -> None:
    """Prefect's client asks again then, and the server refuses the second request."""

    async def claim(client: PrefectClient) -> tuple[bool, ...]:
        run = await client.read_flow_run(UUID(api.run(str(deployment))))
        async with (
            WarmWorker(work_pool_name=POOL, name="one") as first,
            WarmWorker(work_pool_name=POOL, name="two") as second,
        ):
            return tuple([await worker._propose_pending_state(run) for worker in (first, first, second)])

    assert asked(claim) == (True, True, False)


def test_a_run_that_its_worker_claimed_and_does_not_run_is_ended(api: Api, deployment: UUID) -> None:
    """Its start failed and the server could not be told: the worker lives, so nobody else ends it."""

    async def beat(client: PrefectClient) -> tuple[bool, bool]:
        held, unheld = [await client.read_flow_run(UUID(api.run(str(deployment)))) for _ in range(2)]
        async with WarmWorker(work_pool_name=POOL, name="one") as worker:
            await worker.sync_with_backend()
            for run in (held, unheld):
                assert await worker._propose_pending_state(run)
            worker._active[held.id] = None
            await worker._heartbeat()
            del worker._active[held.id]
        found = [(await client.read_flow_run(run.id)).state for run in (held, unheld)]
        return tuple(state is not None and state.is_crashed() for state in found)  # type: ignore[return-value]

    assert asked(beat) == (False, True)


def test_a_run_that_was_deleted_is_not_asked_for_again_and_again(api: Api, deployment: UUID) -> None:
    async def claim(client: PrefectClient) -> bool:
        run = await client.read_flow_run(UUID(api.run(str(deployment))))
        await client.delete_flow_run(run.id)
        async with WarmWorker(work_pool_name=POOL, name="one") as worker:
            return await worker._propose_pending_state(run)

    assert asked(claim) is False


def test_one_run_that_cannot_be_reported_does_not_end_the_others(api: Api, deployment: UUID) -> None:
    async def conclude(client: PrefectClient) -> bool:
        run = await client.read_flow_run(UUID(api.run(str(deployment), number=1)))
        async with WarmWorker(work_pool_name=POOL, name="one") as worker:
            await worker.sync_with_backend()
            assert await worker._propose_pending_state(run)
            await client.delete_flow_run(run.id)
            # Whatever the engine and the server say of it: nothing is raised.
            await worker._run_here(run)
            await worker._guarded(worker._cancel_run, run.id)
        return True

    assert asked(conclude)


def test_a_try_is_one_run_unless_that_crashed_and_a_few_at_most(deployment: UUID) -> None:
    async def tries(client: PrefectClient) -> list[UUID]:
        async def go() -> UUID:
            return (await start_once(client, deployment, {}, key="one try")).id

        found = [await go(), await go()]
        for _ in range(RUNS_PER_TRY + 1):
            await client.set_flow_run_state(found[-1], Crashed(message="its worker was killed"), force=True)
            found.append(await go())
        return found

    found = asked(tries)
    assert found[0] == found[1]
    assert len(set(found)) == RUNS_PER_TRY
    assert found[-1] == found[-2]


def test_no_second_run_is_started_while_one_waits_for_its_turn(api: Api, deployment: UUID) -> None:
    name = f"adding/{PROBES}-{POOL}"

    async def started(client: PrefectClient) -> list[bool]:
        found = []
        for number, key in (("5", "first"), ("5", "second"), ("6", "first")):
            starter = await Starter.of(client, name, "number")
            done = await starter.start(number, 60, key=f"{number}:{key}", said="reconcile.started")
            found.append(done.done != text("reconcile.in_line"))
        return found

    assert asked(started) == [True, False, True]


def test_a_run_that_waits_in_another_pools_queue_holds_nobody_up(api: Api, deployment: UUID) -> None:
    """Its deployment was moved: no worker of the new pool is offered it."""
    name = f"adding/{PROBES}-{POOL}"
    api.run(str(deployment), number=8)

    async def start(client: PrefectClient) -> str:
        starter = await Starter.of(client, name, "number")
        return (await starter.start("8", 60, key="8", said="reconcile.started")).done

    assert asked(start) == text("reconcile.in_line")
    api.make_pool("elsewhere", WarmWorker.type)
    moved = {"work_pool_name": "elsewhere", "work_queue_name": "default"}
    api.move(str(deployment), moved)
    try:
        assert asked(start) != text("reconcile.in_line")
    finally:
        api.move(str(deployment), {**moved, "work_pool_name": POOL})


def test_a_subject_whose_runs_all_crash_is_a_failed_finding_and_gets_what_reconciliation_asks_for(
    deployment: UUID,
) -> None:
    name = f"adding/{PROBES}-{POOL}"

    async def crash(client: PrefectClient) -> tuple[bool, dict[str, object]]:
        for _ in range(RUNS_PER_TRY):
            run = await start_once(client, deployment, {"number": "9"}, key="9")
            await client.set_flow_run_state(run.id, Crashed(message="its worker was killed"), force=True)
        starter = await Starter.of(client, name, "number", {"dry_run": False})
        failed = (await starter.start("9", 60, key="9", said="reconcile.started")).failed
        await starter.start("10", 60, key="10", said="reconcile.started")
        of_it = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
        found = await client.read_flow_runs(deployment_filter=of_it, sort=FlowRunSort.ID_DESC)
        return failed, next(run.parameters for run in found if run.parameters.get("number") == "10")

    assert asked(crash) == (True, {"number": "10", "dry_run": False})


def test_executions_cannot_keep_reconciliation_from_its_turn(api: Api) -> None:
    """Runs of different kinds wait in different queues, and nothing limits all of them together."""

    def ask(path: str) -> dict[str, object]:
        found: dict[str, object] = api.http.get(path).raise_for_status().json()
        return found

    def queue_of(name: str) -> object:
        return ask(f"/deployments/name/{name}")["work_queue_name"]

    assert queue_of("execute-approval/execute-approval") == "executions"
    assert queue_of("finish-steps/finish-steps") == "after-execution"
    assert queue_of("reconcile/reconcile") == "default"
    assert ask("/deployments/name/execute-approval/execute-approval")["global_concurrency_limit"] is None
    assert ask("/work_pools/countersign")["concurrency_limit"] is None
    limits = {
        name: ask(f"/work_pools/countersign/queues/{name}")["concurrency_limit"] for name in ("executions", "default")
    }
    assert limits == {"executions": 200, "default": None}
