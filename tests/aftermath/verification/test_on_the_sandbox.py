"""Verifications on a cluster whose pods can be made to misbehave."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from countersign.execution.report import Report
from countersign.records.database.engine import transaction
from countersign.records.evidence import evidence_of
from countersign.records.states import EvidencePhase, StepName, StepStatus, Verdict
from countersign.records.tables import EvidenceSnapshot, LedgerStep
from countersign.records.timeline import events_of
from sandbox.cluster.behaviours import Behaviour, Conduct
from sandbox.cluster.faults import Effect, Fault
from tests.aftermath.following import execution_id_of, run_one
from tests.execution.conftest import Office

RESTART = "kubectl rollout restart deployment/web -n staging"
IMAGE = "kubectl set image deployment/web app=registry.local/{image} -n staging"


@pytest.fixture(autouse=True)
def healthy_web(office: Office) -> Iterator[None]:
    """Every test finds `web` in staging as it was seeded, and leaves it so."""
    yield
    office.cluster.behaviours.clear()
    office.cluster.faults.clear()
    container = {"name": "app", "image": "registry.local/web:3.0.1"}
    spec = {"replicas": 1, "template": {"spec": {"containers": [container]}}}
    office.cluster.seed([manifest("Deployment", "web", spec=spec)])
    office.cluster.settle()


def manifest(kind: str, name: str, *, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "staging", "labels": {"app": name}},
        "spec": spec,
    }


def verified(office: Office, report: Report) -> LedgerStep:
    return run_one(office, execution_id_of(report), StepName.VERIFY)


def verdict_of(step: LedgerStep) -> str:
    assert step.status is StepStatus.DONE, step.error or step.reason
    assert step.result is not None
    return f"{step.result['verdict']}: {'; '.join(step.result['reasons'])}"


def evidence(office: Office, report: Report) -> dict[EvidencePhase, EvidenceSnapshot]:
    with transaction(office.services.engine) as session:
        return evidence_of(session, execution_id_of(report))


@pytest.mark.parametrize(
    "action",
    [
        RESTART,
        "kubectl scale deployment/web --replicas=2 -n staging",
        "kubectl rollout restart statefulset/db -n prod",
        "kubectl rollout restart daemonset/node-agent -n kube-system",
        "kubectl label deployment/web tier=front -n staging",
        'kubectl patch hpa web -n prod --type=merge -p \'{"spec":{"maxReplicas":8}}\'',
        "kubectl cordon node-3",
        "kubectl uncordon node-3",
    ],
)
def test_an_action_that_did_what_it_was_meant_to_do_is_effective(office: Office, action: str) -> None:
    unprotected = office.services.policy.model_copy(update={"protected_namespaces": ()})
    office = office.with_policy(unprotected)
    report = office.perform(action, risk="high")
    assert report.outcome == "success", report.message
    assert verdict_of(verified(office, report)).startswith("effective")


def test_a_deleted_pod_is_verified_by_the_one_that_replaces_it(office: Office) -> None:
    names = [each["metadata"]["name"] for each in office.cluster.store.list("pods", "staging")]
    pod = next(name for name in names if name.startswith("web-"))
    report = office.perform(f"kubectl delete pod {pod} -n staging", risk="high")
    found = verdict_of(verified(office, report))
    assert found.startswith("effective")
    assert "ReplicaSet staging/web-" in found


def test_an_image_that_does_not_exist_is_worse_although_old_pods_still_serve(office: Office) -> None:
    report = office.perform(IMAGE.format(image="web:missing"))
    found = verdict_of(verified(office, report))
    assert found.startswith("worse")
    assert "PullBackOff" in found or "ErrImagePull" in found


def test_a_crash_loop_is_worse(office: Office) -> None:
    report = office.perform(IMAGE.format(image="web-crash:1"))
    assert verdict_of(verified(office, report)).startswith("worse")


def test_who_looks_long_after_the_outcome_blames_nobody(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    report = office.perform(IMAGE.format(image="web:missing"))
    monkeypatch.setattr("countersign.aftermath.verification.verify.LATE_SECONDS", 0)
    assert verdict_of(verified(office, report)).startswith("unverifiable")


def test_a_restart_that_does_not_mend_what_was_broken_before_is_ineffective(office: Office) -> None:
    office.cluster.behaviours.add(Behaviour(conduct=Conduct.CRASH_LOOP, pod="staging/web"))
    office.perform(RESTART)
    office.cluster.settle()
    office = office.with_settings(verify_limit_seconds=6)
    report = office.perform("kubectl set env deployment/web TRIED=again -n staging")
    assert verdict_of(verified(office, report)).startswith("ineffective")


def test_pods_that_take_longer_than_the_time_limit_cannot_be_judged(office: Office) -> None:
    office = office.with_settings(verify_limit_seconds=6)
    office.cluster.behaviours.add(Behaviour(conduct=Conduct.SLOW, pod="staging/web", seconds=600))
    report = office.perform(RESTART)
    assert verdict_of(verified(office, report)).startswith("unverifiable")


def test_a_paused_deployment_rolls_nothing_out(office: Office) -> None:
    office.perform("kubectl rollout pause deployment/web -n staging")
    report = office.perform(IMAGE.format(image="web:3.0.2"))
    assert verdict_of(verified(office, report)).startswith("ineffective")
    office.perform("kubectl rollout resume deployment/web -n staging")


def test_what_was_there_before_and_after_is_kept_with_the_verdict_and_the_difference(office: Office) -> None:
    report = office.perform(IMAGE.format(image="web:3.0.9"))
    step = verified(office, report)
    found = evidence(office, report)
    after = found[EvidencePhase.AFTER]
    assert step.result is not None
    assert step.result["evidence_id"] == str(after.id)
    assert after.verdict is Verdict.EFFECTIVE
    assert after.verification is not None
    changes = {line["what"]: (line["before"], line["after"]) for line in after.verification["difference"]}
    assert changes["containers[app].image"] == ("registry.local/web:3.0.1", "registry.local/web:3.0.9")
    assert list(found[EvidencePhase.BEFORE].objects) == list(after.objects)
    with transaction(office.services.engine) as session:
        events = events_of(session, approval_id=UUID(report.approval_id))
    assert [event.status for event in events if event.type == "verified"] == ["success"]


def test_a_failed_action_is_verified_too(office: Office) -> None:
    once = office.with_settings(retry_attempts=0)
    office.cluster.faults.add(Fault(effect=Effect.ERROR, code=403, count=None))
    report = once.perform(RESTART)
    assert report.outcome == "failed", report.message
    office.cluster.faults.clear()
    assert verdict_of(verified(office, report)).startswith("ineffective")


@pytest.mark.parametrize("action", ["NO_ACTION", "kubectl get pods -n prod", "kubectl rollout restart; rm -rf /"])
def test_what_changed_nothing_is_skipped_with_the_reason(office: Office, action: str) -> None:
    step = verified(office, office.perform(action))
    assert (step.status, bool(step.reason)) == (StepStatus.SKIPPED, True)


def test_verification_can_be_switched_off(office: Office) -> None:
    office = office.with_settings(verify=False)
    step = verified(office, office.perform(RESTART))
    assert step.status is StepStatus.SKIPPED
    assert "COUNTERSIGN_VERIFY" in (step.reason or "")


def test_a_cluster_that_cannot_be_reached_is_asked_again_later(office: Office) -> None:
    report = office.perform(RESTART)
    office.cluster.faults.add(Fault(effect=Effect.ERROR, code=503, reads=True, dry_run=None, count=None))
    hurried = office.with_settings(verify_limit_seconds=1, step_retry_seconds=0.0001)
    assert verified(hurried, report).status is StepStatus.PENDING
    office.cluster.faults.clear()
    assert verdict_of(verified(office, report)).startswith("effective")
