"""Approvals through the deployment: real server, real worker, the sandbox cluster, and an API user."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from countersign.execution.decisions import sign_approval
from countersign.execution.filing import Request, file_request
from countersign.execution.report import Report
from countersign.execution.services import Services
from countersign.local.stack import Stack
from countersign.policy.loading import load_policy
from countersign.policy.signatures import Decision
from countersign.records.database.engine import connect, transaction
from countersign.records.queries import execution_of
from countersign.settings import Settings
from countersign.targets.kubernetes.connection import connect as open_connection
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from sandbox.cluster import ControlClient, Effect, Fault
from sandbox.demo.household import PEOPLE, Household, make_household
from tests.stack.api import PATIENCE, Api
from tests.stack.moving_in import moved_in

DEPLOYMENT = "execute-approval/execute-approval"
RUN_FLOW = """
import asyncio, sys
from flows.execute_approval import execute_approval
print("REPORT " + asyncio.run(execute_approval(sys.argv[1], wait=True)).model_dump_json())
"""


AGE = text("UPDATE approval SET updated_at = updated_at - :ago WHERE id = :id")


@dataclass(frozen=True)
class Office:
    """An approval system beside a running stack."""

    stack: Stack
    api: Api
    cluster: ControlClient
    services: Services
    household: Household
    deployment: str

    def approved(
        self, action: str, *, risk: str = "medium", start: str = "by_hand", ago: timedelta = timedelta()
    ) -> UUID:
        """File and sign a request, `ago`; the tests start it, unless a worker is to."""
        with transaction(self.services.engine) as session:
            request = Request(action=action, requested_by="carol", risk_level=risk, start=start)
            filed = file_request(session, request, policy=self.services.policy, now=datetime.now(UTC))
            approval = filed.approval
            for name in PEOPLE[: approval.required_signatures]:
                key = self.household.keys[name]
                sign_approval(session, self.services, approval, signer=name, key=key, decision=Decision.APPROVE)
            session.execute(AGE, {"ago": ago, "id": approval.id})
            return approval.id

    def trigger(self, approval_id: UUID, **parameters: object) -> str:
        return self.api.run(self.deployment, approval_id=str(approval_id), **parameters)

    def report(self, approval_id: UUID) -> Report:
        with transaction(self.services.engine) as session:
            execution = execution_of(session, approval_id)
            assert execution is not None
            return Report.model_validate(execution.report)

    def a_pod(self) -> str:
        kubeconfig = self.stack.addresses.kubeconfig
        assert kubeconfig is not None
        settings = ClusterSettings(name="sandbox", kubeconfig=SecretStr(kubeconfig.read_text()))
        with open_connection(settings, request_timeout=30) as connection:
            pods = connection.get("/api/v1/namespaces/prod/pods")["items"]
        return str(next(pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"].startswith("api-")))

    def artifact(self, approval_id: UUID) -> dict[str, str]:
        """The one that an approval has."""
        asked = {"artifacts": {"key": {"any_": [f"approval-{approval_id}"]}}}
        answer = self.api.http.post("/artifacts/filter", json=asked)
        answer.raise_for_status()
        (found,) = answer.json()
        return {"data": str(found["data"]), "description": str(found["description"])}


@pytest.fixture(scope="module")
def office(stack: Stack, api: Api) -> Iterator[Office]:
    household = make_household()
    kubeconfig = stack.addresses.kubeconfig
    assert kubeconfig is not None
    moved_in(stack, household, kubeconfig.read_text())
    policy = load_policy(household.policy)
    engine = connect(SecretStr(stack.addresses.database_url), timeout=5)
    settings = Settings(trust_dir=stack.addresses.trust_dir)
    services = Services(settings=settings, engine=engine, policy=policy, reread_policy=lambda: policy)
    found = api.http.get(f"/deployments/name/{DEPLOYMENT}").raise_for_status().json()
    yield Office(stack, api, ControlClient.from_kubeconfig(kubeconfig.read_text()), services, household, found["id"])
    engine.dispose()


@pytest.fixture(autouse=True)
def fresh_log(office: Office) -> Iterator[None]:
    office.cluster.clear_faults()
    office.cluster.forget_requests()
    yield
    office.cluster.clear_faults()


def log_of(office: Office, run: str) -> list[str]:
    """Return what a run has logged, once it has."""
    told, give_up = {"logs": {"flow_run_id": {"any_": [run]}}, "limit": 200}, time.monotonic() + PATIENCE
    while not (lines := office.api.http.post("/logs/filter", json=told).json()) and time.monotonic() < give_up:
        time.sleep(0.1)
    return [str(line["message"]) for line in lines]


def test_a_run_tells_its_story_and_what_followed_has_pages_of_its_own(office: Office) -> None:
    approval_id = office.approved("kubectl annotate deployment/api told=yes -n prod", risk="low")
    run = office.api.wait(office.trigger(approval_id))
    told = {"logs": {"flow_run_id": {"any_": [run["id"]]}}, "limit": 200}
    log, give_up = "", time.monotonic() + PATIENCE
    # Prefect sends a run's log a moment later.
    while "close the operation log: done" not in log and time.monotonic() < give_up:
        log = "\n".join(line["message"] for line in office.api.http.post("/logs/filter", json=told).json())
    story = (
        "Claimed: kubectl annotate",
        "Checked: signed by",
        "Planned for deployment prod/api, changes: 1",
        "Sending: annotate",
        "The target answered: annotate",
        "Succeeded after",
        "verify: done. Effective",
    )
    for said in story:
        assert said in log, log
    children = {"flow_runs": {"parent_flow_run_id": {"any_": [run["id"]]}}}
    found = office.api.http.post("/flow_runs/filter", json=children).json()
    assert {each["name"].partition(" 0")[0] for each in found} == {"verify", "extract playbook", "deposit knowledge"}
    states = {each["name"].partition(" 0")[0]: each["state_name"] for each in found}
    assert states["verify"] == "Effective"
    assert {each["name"].partition(" 0")[0]: bool(log_of(office, each["id"])) for each in found} == {
        "verify": True,
        "extract playbook": True,
        "deposit knowledge": True,
    }
    execution = office.report(approval_id).execution_id
    shown = {"artifacts": {"key": {"any_": [f"verify-{execution}", f"deposit-knowledge-{execution}"]}}}
    pages = office.api.http.post("/artifacts/filter", json=shown).json()
    assert {each["key"].partition("-0")[0] for each in pages} == {"verify", "deposit-knowledge"}
    again = office.api.wait(office.trigger(approval_id))
    assert again["state_name"] == "Already executed (Succeeded)"
    assert {said in again["state"]["message"] for said in ("kubectl annotate", run["id"])} == {True}


@pytest.mark.parametrize(
    "action",
    [
        "kubectl rollout restart deployment/api -n prod",
        "kubectl scale deployment/worker --replicas=3 -n prod",
        "kubectl set image deployment/payments app=registry.local/payments:1.5.0 -n prod",
        "kubectl delete pod {pod} -n prod",
        "kubectl drain node-1 --ignore-daemonsets --delete-emptydir-data --force",
    ],
)
def test_an_action_is_executed_through_the_deployment(office: Office, action: str) -> None:
    approval_id = office.approved(action.replace("{pod}", office.a_pod()), risk="high")
    run = office.api.wait(office.trigger(approval_id))
    report = office.report(approval_id)
    assert (run["state_type"], run["state_name"]) == ("COMPLETED", "Succeeded, effective"), run["state"]
    assert report.outcome == "success"
    assert str(approval_id)[-8:] in run["name"].replace("-", "")
    assert "risk:high" in run["tags"]
    shown = office.artifact(approval_id)
    assert report.action in shown["data"]
    assert "Effective" in shown["data"]
    assert shown["description"] == run["state_name"]


def test_twenty_triggers_by_every_way_are_one_effect_and_twenty_truthful_answers(office: Office) -> None:
    approval_id = office.approved("kubectl rollout restart deployment/web -n prod")

    def by_api(number: int) -> tuple[bool, str]:
        waits = bool(number % 2)
        run = office.api.wait(office.trigger(approval_id, wait=waits))
        told = run["state_type"] == "COMPLETED" or (not waits and run["state_name"] == "Running elsewhere")
        return told, run["state"]["message"]

    def by_cli(_number: int) -> tuple[bool, str]:
        command = [sys.executable, "-m", "countersign.cli", "approvals", "run", str(approval_id), "--json"]
        done = subprocess.run(command, env=office.stack.environment(), capture_output=True, text=True, check=False)
        return done.returncode == 0, json.loads(done.stdout)["message"] if done.stdout else done.stderr

    def by_flow(_number: int) -> tuple[bool, str]:
        command = [sys.executable, "-c", RUN_FLOW, str(approval_id)]
        done = subprocess.run(command, env=office.stack.environment(), capture_output=True, text=True, check=False)
        line = next((line for line in done.stdout.splitlines() if line.startswith("REPORT ")), "")
        report = Report.model_validate_json(line.removeprefix("REPORT ")) if line else None
        return (
            done.returncode == 0 and report is not None and report.success,
            report.message if report else done.stderr,
        )

    with ThreadPoolExecutor(20) as pool:
        ways = [*[by_api] * 16, *[by_cli] * 2, *[by_flow] * 2]
        answers = [future.result() for future in [pool.submit(way, number) for number, way in enumerate(ways)]]
    assert all(fine for fine, _ in answers), answers
    (result,) = {message for (_, message), way in zip(answers, ways, strict=True) if way is not by_api}
    assert all(result in message or "running, see flow run" in message for _, message in answers), answers
    assert len(office.cluster.requests().mutations()) == 1


def test_an_action_that_fails_is_a_failed_run_that_says_why(office: Office) -> None:
    approval_id = office.approved("kubectl rollout restart deployment/apo -n prod")
    run = office.api.wait(office.trigger(approval_id))
    assert (run["state_type"], run["state_name"]) == ("FAILED", "Blocked")
    assert "apo" in run["state"]["message"]
    assert office.cluster.requests().mutations() == []


def test_a_second_run_shows_the_first_result_and_touches_nothing(office: Office) -> None:
    approval_id = office.approved("kubectl label deployment/web seen=once -n prod")
    office.api.wait(office.trigger(approval_id), "COMPLETED")
    office.cluster.forget_requests()
    run = office.api.wait(office.trigger(approval_id))
    assert run["state_type"] == "COMPLETED"
    assert office.cluster.requests() == []


def test_a_dry_run_is_a_completed_run_and_the_approval_stays_approved(office: Office) -> None:
    approval_id = office.approved("kubectl scale deployment/web --replicas=5 -n prod")
    run = office.api.wait(office.trigger(approval_id, dry_run=True))
    assert (run["state_type"], run["state_name"]) == ("COMPLETED", "Dry run")
    assert office.cluster.requests().mutations() == []


def test_a_run_cancelled_before_the_effect_sends_nothing(office: Office) -> None:
    approval_id = office.approved("kubectl rollout restart deployment/payments -n prod")
    fault = office.cluster.add_fault(Fault(effect=Effect.PAUSE_BEFORE, method="GET"))
    run = office.trigger(approval_id)
    office.cluster.wait_until_met(fault)
    office.api.cancel(run)
    office.api.wait(run, "CANCELLING", "CANCELLED")
    office.cluster.release(fault)
    assert office.api.wait(run)["state_type"] == "CANCELLED"
    assert office.cluster.requests().mutations() == []
    assert office.report(approval_id).outcome == "cancelled"


def test_wrong_parameters_are_refused_by_the_deployment(office: Office) -> None:
    with pytest.raises(AssertionError, match="approval_id"):
        office.api.run(office.deployment, dry_run="perhaps")


def test_an_unknown_approval_is_one_clear_sentence(office: Office) -> None:
    run = office.api.wait(office.trigger(UUID(int=7)))
    assert run["state_type"] == "FAILED"
    assert "does not exist" in run["state"]["message"]


def test_direct_flow_call_returns_the_typed_report(office: Office) -> None:
    approval_id = office.approved("NO_ACTION")
    command = [sys.executable, "-c", RUN_FLOW, str(approval_id)]
    done = subprocess.run(command, env=office.stack.environment(), capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("REPORT "))
    assert Report.model_validate_json(line.removeprefix("REPORT ")).outcome == "no_action"


def test_prefect_deploy_all_works_unattended(office: Office) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(
        command, env=office.stack.environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0, done.stderr
