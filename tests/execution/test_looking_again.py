"""A request that lands after everybody has given up on it is found, and the record corrected."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from countersign.execution.report import Report
from countersign.execution.second_look import look_again
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.queries import execution_of
from countersign.records.second_looks import to_look_at_again
from countersign.records.states import ApprovalStatus
from countersign.records.timeline import events_of
from countersign.targets.kubernetes.connection import connect
from countersign.targets.kubernetes.ownership import written_by
from sandbox.cluster.faults import Effect, Fault
from tests.execution.conftest import Office

SCALE = "kubectl scale deployment/late --replicas={} -n prod"
CONTAINER = {"name": "app", "image": "registry.local/late:1.0.0"}
# The cluster is shared: what is scaled here is nobody else's.
LATE = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "late", "namespace": "prod"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "late"}},
        "template": {"metadata": {"labels": {"app": "late"}}, "spec": {"containers": [CONTAINER]}},
    },
}


def until(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < deadline, "the state did not come"
        time.sleep(0.05)
    return found


def replicas(office: Office) -> int:
    with connect(office.services.clusters.the_default(), request_timeout=5) as connection:
        live = connection.get("/apis/apps/v1/namespaces/prod/deployments/late")
    return int(live["spec"]["replicas"])


def somebody_scales(office: Office, wanted: int) -> None:
    path = "/apis/apps/v1/namespaces/prod/deployments/late?fieldManager=kubectl"
    answer = httpx.patch(
        office.cluster.url + path,
        json={"spec": {"replicas": wanted}},
        headers={"Authorization": f"Bearer {office.cluster.token}", "Content-Type": "application/merge-patch+json"},
        verify=False,
    )
    answer.raise_for_status()


@pytest.fixture
def hurried(office: Office) -> Office:
    """An office that gives up at once."""
    office.cluster.seed([LATE])
    office.cluster.settle()
    return office.with_settings(retry_attempts=0, request_timeout_seconds=1)


@pytest.fixture
def given_up(hurried: Office) -> Callable[[], tuple[Report, int, int]]:
    """Scale, with the request held back until the execution is settled; return report, fault and wanted replicas."""

    def scale() -> tuple[Report, int, int]:
        wanted = 2 if replicas(hurried) != 2 else 3
        fault = hurried.cluster.faults.add(Fault(effect=Effect.PAUSE_BEFORE))
        report = hurried.perform(SCALE.format(wanted), risk="high")
        assert report.outcome == "failed", report.message
        return report, fault, wanted

    return scale


def test_a_request_that_lands_after_the_last_look_corrects_the_record(
    hurried: Office, given_up: Callable[[], tuple[Report, int, int]]
) -> None:
    report, fault, wanted = given_up()
    assert look_again(hurried.services) == []

    hurried.cluster.faults.release(fault)
    until(lambda: replicas(hurried) == wanted)
    (finding,) = look_again(hurried.services)
    assert not finding.failed

    with transaction(hurried.services.engine) as session:
        approval = get_approval(session, finding.subject)  # type: ignore[arg-type]
        execution = execution_of(session, approval.id)
        assert execution is not None
        corrected = Report.model_validate(execution.report)
        events = [event.type for event in events_of(session, approval_id=approval.id)]
    assert approval.status is ApprovalStatus.EXECUTED
    assert (execution.outcome, corrected.outcome, corrected.success) == ("success", "success", True)
    assert corrected.found_out is not None
    assert corrected.found_out.before == report.message
    assert "landed_late" in events
    assert look_again(hurried.services) == [], "it is told once"


def test_what_somebody_else_did_meanwhile_is_not_taken_for_it(
    hurried: Office, given_up: Callable[[], tuple[Report, int, int]]
) -> None:
    _report, fault, wanted = given_up()
    somebody_scales(hurried, wanted)
    hurried.cluster.faults.release(fault)
    assert replicas(hurried) == wanted
    assert look_again(hurried.services) == []


def test_a_request_that_was_refused_is_not_looked_at_again(hurried: Office) -> None:
    hurried.cluster.faults.add(Fault(effect=Effect.ERROR, code=403))
    report = hurried.perform(SCALE.format(2 if replicas(hurried) != 2 else 3), risk="high")
    assert report.outcome == "failed", report.message
    with transaction(hurried.services.engine) as session:
        assert list(to_look_at_again(session)) == []


def test_an_object_that_is_gone_later_names_nobody(hurried: Office) -> None:
    with connect(hurried.services.clusters.the_default(), request_timeout=5) as connection:
        pods = connection.get("/api/v1/namespaces/prod/pods")["items"]
    pod = next(each["metadata"]["name"] for each in pods if each["metadata"]["name"].startswith("api-"))
    fault = hurried.cluster.faults.add(Fault(effect=Effect.PAUSE_BEFORE))
    report = hurried.perform(f"kubectl delete pod {pod} -n prod", risk="high")
    assert report.outcome == "failed", report.message
    hurried.cluster.faults.release(fault)
    (finding,) = until(lambda: look_again(hurried.services))
    with transaction(hurried.services.engine) as session:
        execution = execution_of(session, get_approval(session, finding.subject).id)  # type: ignore[arg-type]
        assert execution is not None
        corrected = Report.model_validate(execution.report)
    assert (execution.outcome, corrected.outcome, corrected.code) == ("unknown", "unknown", "unknown")
    assert pod in corrected.message


def test_nothing_is_looked_at_for_longer_than_a_request_lives(
    hurried: Office, given_up: Callable[[], tuple[Report, int, int]]
) -> None:
    _report, fault, _wanted = given_up()
    with transaction(hurried.services.engine) as session:
        session.execute(text("UPDATE execution SET look_again_until = now() - interval '1 second'"))
    hurried.cluster.log.clear()
    assert look_again(hurried.services) == []
    assert list(hurried.cluster.requests), "the last look"
    hurried.cluster.log.clear()
    assert look_again(hurried.services) == []
    assert list(hurried.cluster.requests) == []
    hurried.cluster.faults.release(fault)


def fields(manager: str, **owned: Any) -> dict[str, Any]:
    return {"metadata": {"managedFields": [{"manager": manager, "fieldsV1": owned}]}}


@pytest.mark.parametrize(
    ("live", "at", "ours"),
    [
        ({"metadata": {}}, "/spec/replicas", None),
        (fields("us", **{"f:spec": {"f:replicas": {}}}), "/spec/replicas", True),
        (fields("kubectl", **{"f:spec": {"f:replicas": {}}}), "/spec/replicas", False),
        (fields("us", **{"f:spec": {"f:paused": {}}}), "/spec/replicas", False),
        (fields("us", **{"f:spec": {"f:containers": {'k:{"name":"app"}': {"f:image": {}}}}}),
         "/spec/containers/[name=app]/image", True),
        (fields("us", **{"f:spec": {"f:containers": {'k:{"name":"web"}': {"f:image": {}}}}}),
         "/spec/containers/[name=app]/image", False),
        (fields("us", **{"f:metadata": {"f:labels": {"f:a/b": {}}}}), "/metadata/labels/a~1b", True),
        (fields("us", **{"f:spec": {"f:selector": {}}}), "/spec/selector/app", True),
    ],
)  # fmt: skip
def test_managed_fields_say_who_wrote_a_field(live: Any, at: str, ours: bool | None) -> None:
    assert written_by(live, "us", [at]) is ours
