"""Something to take back: an office whose policy rolls back, and an image that does not exist."""

from collections.abc import Iterator
from typing import Any

import pytest

from countersign.execution.report import Report
from countersign.policy.rollback import RollbackRule
from countersign.records.states import StepName, StepStatus
from sandbox.cluster.behaviours import Behaviour, Conduct
from tests.aftermath.following import execution_id_of, run_one
from tests.execution.conftest import Office
from tests.faults.waiting import until

GOOD, BAD = "registry.local/web:3.0.1", "registry.local/web:missing"
BAD_IMAGE = f"kubectl set image deployment/web app={BAD} -n staging"
RULE = RollbackRule(operations=("set_image", "scale", "restart"), namespaces=("staging",))


@pytest.fixture
def lenient(office: Office) -> Iterator[Office]:
    """An office whose policy lets a bad image be taken back; `web` in staging is as it was seeded."""
    policy = office.services.policy.model_copy(update={"rollback": RULE})
    office = office.with_policy(policy).with_settings(lease_seconds=1.0, request_timeout_seconds=2)
    yield office
    office.cluster.faults.clear()
    office.cluster.behaviours.clear()
    seeded(office)


def seeded(office: Office, image: str = GOOD) -> None:
    """Give `web` in staging an image, as somebody with kubectl would."""
    container = {"name": "app", "image": image}
    office.cluster.seed(
        [
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "web", "namespace": "staging"},
                "spec": {"replicas": 1, "template": {"spec": {"containers": [container]}}},
            }
        ]
    )
    office.cluster.settle()


def image_of(office: Office) -> str:
    """Return the image that `web` in staging is to have."""
    return str(web(office)["spec"]["template"]["spec"]["containers"][0]["image"])


def web(office: Office) -> Any:
    """Return `web` in staging."""
    return office.cluster.store.get("deployments.apps", "staging", "web")


def recovers(office: Office, conduct: Conduct = Conduct.NORMAL) -> None:
    """Let the registry have the image after all, and wait until it runs, if only for a moment."""
    office.cluster.behaviours.add(Behaviour(conduct=conduct, image=":missing", seconds=0.5))
    # The kubelet of the sandbox looks at a pod again when something of it changes.
    for pod in office.cluster.store.list("pods", "staging"):
        metadata = {"name": pod["metadata"]["name"], "namespace": "staging", "labels": {"pulled": "again"}}
        office.cluster.seed([{"apiVersion": "v1", "kind": "Pod", "metadata": metadata}])
    until(lambda: web(office)["status"].get("unavailableReplicas", 0) == 0, "the rollout is complete")


def touched(office: Office) -> None:
    """Change something else of `web`, as a colleague would who is at work on it."""
    kept = int(web(office)["spec"].get("revisionHistoryLimit", 10)) + 1
    name = {"name": "web", "namespace": "staging"}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": name}
    office.cluster.seed([{**deployment, "spec": {"revisionHistoryLimit": kept}}])


def made_worse(office: Office, action: str = BAD_IMAGE) -> Report:
    """Perform what does harm, and have it verified."""
    report = office.perform(action)
    assert report.outcome == "success", report.message
    step = run_one(office, execution_id_of(report), StepName.VERIFY)
    assert step.status is StepStatus.DONE, step.error
    assert step.result is not None
    assert step.result["verdict"] == "worse", step.result
    office.cluster.log.clear()
    return report
