"""Reconciliation as it is deployed: a killed worker, a forgotten approval, a person's answer."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from prefect.settings import temporary_settings

from countersign.errors import OutcomeUnknown
from countersign.execution.run import Run
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.queries import execution_of
from countersign.records.rounds import parts_of_rounds
from countersign.records.states import ApprovalStatus
from countersign.records.timeline import events_of
from flows import crowding
from flows.crowding import is_left_out
from flows.reconcile import PARTS
from sandbox.cluster import Effect, Fault
from tests.faults.waiting import until
from tests.records.builders import end_lease
from tests.running_stack import stop_the_schedule
from tests.stack.api import PATIENCE, client_settings
from tests.stack.commands import countersign
from tests.stack.declaring import PROJECT
from tests.stack.test_execute_approval import Office, fresh_log, office

__all__ = ["fresh_log", "office"]  # fixtures
DEPLOYMENT = "reconcile/reconcile"


def deployment(office: Office) -> dict[str, object]:
    answer = office.api.http.get(f"/deployments/name/{DEPLOYMENT}")
    answer.raise_for_status()
    found: dict[str, object] = answer.json()
    return found


def reconciled(office: Office, condition: Callable[[], bool]) -> None:
    """Run the deployment until `condition` holds."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, "reconciliation did not do it"
        run = office.api.wait(office.api.run(str(deployment(office)["id"])))
        assert run["state_type"] == "COMPLETED", run["state"]


def status(office: Office, approval_id: UUID) -> ApprovalStatus:
    with transaction(office.services.engine) as session:
        return get_approval(session, approval_id).status


@contextmanager
def paused_pool(office: Office) -> Iterator[None]:
    """Keep runs scheduled: the pool hands nothing to its workers meanwhile."""
    pool = "/work_pools/countersign"
    office.api.http.patch(pool, json={"is_paused": True}).raise_for_status()
    try:
        yield
    finally:
        office.api.http.patch(pool, json={"is_paused": False}).raise_for_status()


@pytest.mark.parametrize("effect", [Effect.PAUSE_AFTER, Effect.PAUSE_BEFORE])
def test_what_a_killed_worker_was_performing_is_settled_with_one_effect(office: Office, effect: Effect) -> None:
    approval_id = office.approved("kubectl rollout restart deployment/api -n prod")
    fault = office.cluster.add_fault(Fault(effect=effect))
    run = office.trigger(approval_id)
    office.cluster.wait_until_met(fault)
    worker = next(part for part in office.stack.parts() if part.name.startswith("worker"))
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    with transaction(office.services.engine) as session:
        execution = execution_of(session, approval_id)
    assert execution is not None
    end_lease(office.services.engine, execution.id)
    reconciled(office, lambda: status(office, approval_id) is ApprovalStatus.EXECUTED)
    office.cluster.release(fault)
    report = office.report(approval_id)
    assert report.outcome == "success"
    assert len(office.cluster.requests().mutations()) == 1
    assert office.api.wait(run)["state_type"] == "CRASHED"


def test_an_approval_that_nobody_started_is_started(office: Office) -> None:
    action = "kubectl label deployment/web forgotten=no -n prod"
    approval_id = office.approved(action, start="when_approved", ago=timedelta(minutes=2))
    reconciled(office, lambda: status(office, approval_id) is ApprovalStatus.EXECUTED)
    assert len(office.cluster.requests().mutations()) == 1
    artifact = office.api.http.post(
        "/artifacts/filter",
        json={"artifacts": {"key": {"any_": ["reconciliation"]}}},
    ).json()
    assert any(str(approval_id) in str(each["data"]) for each in artifact)


def test_the_last_signature_has_a_worker_start_it(office: Office) -> None:
    approval_id = office.approved("kubectl label deployment/web signed=yes -n prod", start="when_approved")
    give_up = time.monotonic() + PATIENCE
    while status(office, approval_id) is not ApprovalStatus.EXECUTED:
        assert time.monotonic() < give_up, "nobody started it"
        time.sleep(0.1)
    assert len(office.cluster.requests().mutations()) == 1


def test_a_run_that_a_person_cancelled_before_it_began_is_not_started_again(office: Office) -> None:
    withdrawn, restarted = (
        office.approved(f"kubectl label deployment/web cancelled={name} -n prod") for name in ("yes", "no")
    )
    with paused_pool(office):
        for approval_id in (withdrawn, restarted):
            office.api.cancel(office.trigger(approval_id))
        later = office.trigger(restarted)
        done = countersign(office.stack.environment(), "reconcile", "--json")
    assert done.returncode == 0, done.stderr
    assert status(office, withdrawn) is ApprovalStatus.CANCELLED
    run = office.api.wait(later)
    assert run["state_type"] == "COMPLETED", run["state"]
    assert status(office, restarted) is ApprovalStatus.EXECUTED
    assert len(office.cluster.requests().mutations()) == 1


def test_a_run_while_the_kill_switch_is_on_is_refused_and_uses_nothing_up(office: Office) -> None:
    approval_id = office.approved("kubectl label deployment/web switched=off -n prod")
    assert countersign(office.stack.environment(), "kill-switch", "on", "--reason", "an outage").returncode == 0
    try:
        done = countersign(office.stack.environment(), "approvals", "run", str(approval_id))
        assert (done.returncode, "the kill switch is on: an outage" in done.stderr) == (4, True), done.stderr
        assert status(office, approval_id) is ApprovalStatus.APPROVED
    finally:
        countersign(office.stack.environment(), "kill-switch", "off", "--reason", "over")
    assert office.cluster.requests().mutations() == []


def test_a_crashed_run_starts_a_round(office: Office) -> None:
    """The only round that nobody asked for: the schedule is paused here."""
    known = deployment(office)
    automations = office.api.http.get(f"/automations/related-to/prefect.deployment.{known['id']}").json()
    (automation,) = automations
    started_by_it = {
        "flow_runs": {"tags": {"all_": ["countersign"]}},
        "deployments": {"id": {"any_": [known["id"]]}},
    }

    def rounds() -> set[str]:
        runs = office.api.http.post("/flow_runs/filter", json=started_by_it).raise_for_status().json()
        return {run["id"] for run in runs if (run["created_by"] or {}).get("id") == automation["id"]}

    before = rounds()
    approval_id = office.approved("NO_ACTION")
    with paused_pool(office):
        run = office.trigger(approval_id)
        crashed = {"state": {"type": "CRASHED", "name": "Crashed"}, "force": True}
        office.api.http.post(f"/flow_runs/{run}/set_state", json=crashed).raise_for_status()
    give_up = time.monotonic() + PATIENCE
    while not rounds() - before:
        assert time.monotonic() < give_up, "no round was started"
        time.sleep(0.1)


def test_deploying_again_makes_no_second_automation(office: Office) -> None:
    # Its own name alone: Prefect finds FLOW/NAME by the file's name in the entrypoint, and ours names a module.
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--name", DEPLOYMENT.partition("/")[2]]
    try:
        environment = office.stack.environment()
        done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        stop_the_schedule(office.stack)
    url = f"/automations/related-to/prefect.deployment.{deployment(office)['id']}"
    assert len(office.api.http.get(url).json()) == 1


def test_the_deployment_runs_by_itself_and_nothing_of_prefects_can_use_its_slots_up(office: Office) -> None:
    found = deployment(office)
    (schedule,) = found["schedules"]
    assert (schedule["active"], schedule["schedule"]["interval"]) == (True, 300)
    assert found["global_concurrency_limit"] is None


def test_a_round_is_left_out_while_another_has_just_begun(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a dead worker does not count for long: only a round can end it."""
    known = str(deployment(office)["id"])

    def set_state(run: str, kind: str) -> None:
        body = {"state": {"type": kind, "name": kind.capitalize()}, "force": True}
        office.api.http.post(f"/flow_runs/{run}/set_state", json=body).raise_for_status()

    with paused_pool(office):
        first, second = office.api.run(known), office.api.run(known)
        for run in (first, second):
            set_state(run, "RUNNING")
    try:
        assert office.api.wait(office.api.run(known))["state_name"] == "Left out"
        with temporary_settings(client_settings(office.stack)):
            assert [asyncio.run(is_left_out(UUID(run))) for run in (first, second)] == [False, True]
            monkeypatch.setattr(crowding, "FRESH_SECONDS", 0)
            assert not asyncio.run(is_left_out(UUID(second)))
    finally:
        for run in (first, second):
            set_state(run, "CRASHED")


def test_the_server_plans_the_rounds(office: Office) -> None:
    url = f"/deployments/{deployment(office)['id']}"
    answer = office.api.http.post(f"{url}/schedule", json={})
    assert answer.status_code == 200, answer.text


def test_the_command_reconciles_once_and_says_what_it_found(office: Office) -> None:
    run = Run(office.services, office.approved("NO_ACTION"), worker="dead")
    assert run.claim() is None
    end_lease(office.services.engine, run.known.owned.execution_id)
    done = countersign(office.stack.environment(), "reconcile", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["problems"] == []
    assert {part["part"]: part["problem"] for part in told["parts"]} == {part.name: None for part in PARTS}
    with transaction(office.services.engine) as session:
        assert {part.part for part in parts_of_rounds(session)} == {part.name for part in PARTS}
    # A run of its own settles it, the command's or the schedule's.
    until(lambda: status(office, run.approval_id) is ApprovalStatus.EXECUTED, "the approval is executed")
    assert countersign(office.stack.environment(), "reconcile").returncode == 0


def test_the_command_settles_an_unknown_outcome_once(office: Office) -> None:
    run = Run(office.services, office.approved("kubectl rollout restart deployment/api -n prod"), worker="w")
    assert run.claim() is None
    run.settle(OutcomeUnknown())
    arguments = (
        "executions",
        "settle",
        str(run.approval_id),
        "--outcome",
        "success",
        "--reason",
        "seen",
        "--by",
        "al",
    )
    done = countersign(office.stack.environment(), *arguments)
    assert done.returncode == 0, done.stderr
    assert status(office, run.approval_id) is ApprovalStatus.EXECUTED
    with transaction(office.services.engine) as session:
        assert events_of(session, approval_id=run.approval_id)[-1].actor == "al"
    again = countersign(office.stack.environment(), *arguments)
    assert again.returncode == 2
    assert "is success" in again.stderr
