"""Something to take back: an office whose policy rolls back, and an image that does not exist."""

from collections.abc import Iterator
from typing import Any

import pytest

from countersign.execution.report import Report
from countersign.policy.rollback import RollbackRule
from countersign.records.states import StepName, StepStatus
from tests.aftermath.following import execution_id_of, run_one
from tests.execution.conftest import Office

GOOD, BAD = "registry.local/web:3.0.1", "registry.local/web:missing"
BAD_IMAGE = f"kubectl set image deployment/web app={BAD} -n staging"
RULE = RollbackRule(operations=("set_image", "scale", "restart"), namespaces=("staging",))


@pytest.fixture
def lenient(office: Office) -> Iterator[Office]:
    """An office whose policy lets a bad image be taken back; `web` in staging is as it was seeded."""
    policy = office.services.policy.model_copy(update={"rollback": RULE})
    office = office.with_policy(policy).with_settings(lease_seconds=1.0, request_timeout_seconds=5)
    yield office
    office.cluster.faults.clear()
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
    found: Any = office.cluster.store.get("deployments.apps", "staging", "web")
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


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
