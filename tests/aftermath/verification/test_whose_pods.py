"""Pods count for the workload that controls them; labels that fit do not make them its own."""

from collections.abc import Iterator
from typing import Any

import pytest

from countersign.records.states import StepName
from sandbox.cluster.faults import Effect, Fault
from tests.aftermath.following import execution_id_of, run_one
from tests.execution.conftest import Office

NEW_IMAGE = "kubectl set image deployment/web app=registry.local/{image} -n staging"


@pytest.fixture(autouse=True)
def healthy_web(office: Office) -> Iterator[None]:
    yield
    office.cluster.faults.clear()
    office.cluster.seed([deployment("web", {"app": "web"}, "web:3.0.1")])
    office.cluster.settle()


def deployment(name: str, labels: dict[str, str], image: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": f"registry.local/{image}"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "staging"},
        "spec": {"replicas": 1, "template": template, **spec},
    }


def verdict(office: Office, image: str, *, meanwhile: list[dict[str, Any]] | None = None) -> str:
    report = office.perform(NEW_IMAGE.format(image=image))
    assert report.outcome == "success", report.message
    if meanwhile:
        office.cluster.settle()
        office.cluster.seed(meanwhile)
        office.cluster.settle()
    step = run_one(office, execution_id_of(report), StepName.VERIFY)
    assert step.result is not None, step.error
    return str(step.result["verdict"])


def test_a_broken_canary_that_carries_our_labels_is_not_our_harm(office: Office) -> None:
    web = office.cluster.store.get("deployments.apps", "staging", "web")
    assert web is not None
    labels = {**web["spec"]["selector"]["matchLabels"], "track": "canary"}
    canary = deployment("canary", labels, "canary:missing", selector={"matchLabels": labels})
    assert verdict(office, "web:3.0.5", meanwhile=[canary]) == "effective"
    office.cluster.seed([{**canary, "spec": {**canary["spec"], "replicas": 0}}])


def test_where_replicasets_may_not_be_read_nothing_is_called_our_harm(office: Office) -> None:
    office.cluster.faults.add(
        Fault(effect=Effect.ERROR, code=403, method="GET", path="/replicasets", dry_run=None, count=None)
    )
    assert verdict(office.with_settings(verify_limit_seconds=6), "web:missing") == "ineffective"
