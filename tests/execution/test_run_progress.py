"""How far a run is: an eviction that a budget holds up, what is verified and for how long, what is still to do."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import httpx
import pytest

import flows.progress_page
from countersign.cli import triggering
from countersign.execution.direct_run import execute
from countersign.execution.run import Run
from countersign.execution.run_progress import RunProgress, run_progress
from countersign.records.claims import claim
from countersign.records.database.engine import transaction
from countersign.records.states import StepName
from flows.progress_page import progress_shown
from sandbox.cluster.behaviours import Behaviour, Conduct
from tests.aftermath.following import execution_id_of, follow, run_one
from tests.execution.conftest import Office
from tests.prefect_server import AUTH

PATIENCE = 60
RESTART = "kubectl rollout restart deployment/api -n prod"
KEEP = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "keep", "namespace": "prod"},
    "spec": {"minAvailable": "100%", "selector": {"matchLabels": {"app": "worker"}}},
}


def seen(office: Office, approval_id: UUID) -> RunProgress | None:
    with transaction(office.services.engine) as session:
        return run_progress(session, approval_id)


def until(office: Office, approval_id: UUID, wanted: Callable[[RunProgress], bool]) -> RunProgress:
    give_up = time.monotonic() + PATIENCE
    while (found := seen(office, approval_id)) is None or not wanted(found):
        assert time.monotonic() < give_up, f"never seen; last: {found}"
        time.sleep(0.05)
    return found


def make_room(office: Office) -> None:
    budget = office.cluster.store.get("poddisruptionbudgets", "prod", "keep")
    if budget is not None:
        office.cluster.store.remove("poddisruptionbudgets", budget)


@pytest.fixture
def roomy(office: Office) -> Iterator[Office]:
    """The cluster is given back without a budget, with every node in use."""
    yield office
    office.cluster.behaviours.clear()
    make_room(office)
    office.perform("kubectl uncordon node-2", risk="high")


def test_what_is_not_claimed_has_no_progress_and_what_is_has_no_plan_yet(office: Office) -> None:
    approval_id = office.approved(RESTART)
    assert seen(office, approval_id) is None
    with transaction(office.services.engine) as session:
        claim(session, approval_id, worker="w", flow_run_id=None, lease_seconds=30)
    assert seen(office, approval_id) == RunProgress(0, 0, "Checking and planning.")


def test_a_drain_says_how_many_are_evicted_and_what_holds_it_up(roomy: Office) -> None:
    pods = roomy.cluster.store.list("pods", "prod")
    pod = next(each for each in pods if each["metadata"]["labels"].get("app") == "worker")
    node = pod["spec"]["nodeName"]
    roomy.cluster.seed([KEEP])
    roomy.cluster.settle()
    approval_id = roomy.approved(
        f"kubectl drain {node} --ignore-daemonsets --delete-emptydir-data --force", risk="high"
    )
    with ThreadPoolExecutor(1) as pool:
        run = Run(roomy.services, approval_id, worker="w1")
        running = pool.submit(execute, run)
        found = until(roomy, approval_id, lambda progress: bool(progress.held_up_by))
        assert found.said.startswith("Evicted: ")
        assert f" of {found.of - 1} pods. Now: " in found.said  # the first change is the cordon
        assert "disruption budget" in found.held_up_by
        assert 0 < found.percent < 100
        run.stop.set()
        assert running.result(timeout=60).outcome == "failed"


def test_a_verification_says_which_pods_it_waits_for_and_how_long(roomy: Office) -> None:
    roomy.cluster.behaviours.add(Behaviour(conduct=Conduct.SLOW, pod="prod/api", seconds=3))
    office = roomy.with_settings(verify_warm_up_seconds=0, verify_collect_seconds=6)
    report = office.perform(RESTART)
    with ThreadPoolExecutor(1) as pool:
        step = pool.submit(run_one, office, execution_id_of(report), StepName.VERIFY)
        found = until(office, UUID(report.approval_id), lambda progress: "pods" in progress.said)
        assert found.said.startswith("Verifying: ")
        assert found.seconds_left is not None
        assert 0 < found.seconds_left <= 60
        assert "left." in found.sentence
        step.result(timeout=120)
    assert "still to do" in seen(office, UUID(report.approval_id)).sentence.lower()  # type: ignore[union-attr]


def test_who_waits_is_told_once_of_each_change(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(triggering, "LOOK_SECONDS", 0.02)
    approval_id = office.approved(RESTART)

    async def waiting() -> None:
        telling = asyncio.create_task(triggering._tell(office.services.engine, approval_id))
        with transaction(office.services.engine) as session:
            claim(session, approval_id, worker="w", flow_run_id=None, lease_seconds=30)
        said, give_up = "", time.monotonic() + PATIENCE
        while not said and time.monotonic() < give_up:
            await asyncio.sleep(0.02)
            said += capsys.readouterr().err
        await asyncio.sleep(0.2)  # ten looks more
        telling.cancel()
        assert said + capsys.readouterr().err == "Checking and planning.\n"

    asyncio.run(waiting())


def test_what_is_over_has_no_progress(office: Office) -> None:
    report = office.with_settings(verify=False).perform("NO_ACTION: all is well")
    assert seen(office, UUID(report.approval_id)) is not None
    follow(office, report)
    assert seen(office, UUID(report.approval_id)) is None


@pytest.mark.stack
def test_the_page_of_a_long_run_has_its_progress_and_then_its_end(
    office: Office, prefect_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows.progress_page, "FIRST_SECONDS", 0.0)
    approval_id = office.approved(RESTART)
    with transaction(office.services.engine) as session:
        claim(session, approval_id, worker="w", flow_run_id=None, lease_seconds=30)

    def artifact() -> dict[str, object] | None:
        user, _, password = AUTH.get_secret_value().partition(":")
        answer = httpx.get(f"{prefect_api}/artifacts/progress-{approval_id}/latest", auth=(user, password))
        return answer.json() if answer.is_success else None

    async def long_run() -> None:
        async with progress_shown(office.services, approval_id):
            while (found := artifact()) is None:
                await asyncio.sleep(0.1)
            assert (found["type"], found["description"]) == ("progress", "Checking and planning.")

    asyncio.run(long_run())
    over = artifact()
    assert over is not None
    assert (over["data"], over["description"]) == (100.0, "Over; the report says how it ended.")


@pytest.mark.stack
def test_a_short_run_leaves_no_progress_on_its_page(office: Office, prefect_api: str) -> None:
    approval_id = office.approved(RESTART)

    async def short_run() -> None:
        async with progress_shown(office.services, approval_id):
            pass

    asyncio.run(short_run())
    user, _, password = AUTH.get_secret_value().partition(":")
    answer = httpx.get(f"{prefect_api}/artifacts/progress-{approval_id}/latest", auth=(user, password))
    assert answer.status_code == 404
