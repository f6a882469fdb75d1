"""How many requests an action costs the API server, with verification and evidence, however full the namespace."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from countersign.aftermath.verification import collection
from countersign.records.states import StepName, StepStatus
from sandbox.cluster import SandboxCluster
from sandbox.cluster.requests import RecordedRequest
from tests.aftermath.following import execution_id_of, run_one
from tests.execution.conftest import Office

SMALL, CROWDED = "quiet", "crowded"
PODS, OLD_REPLICA_SETS, EVENTS = 100, 40, 100
_ROOM = {"cpu": "8", "memory": "16Gi", "pods": "500"}
_PINNED_ONLY = {"key": "pinned", "value": "only", "effect": "NoSchedule"}
_READY = {"capacity": _ROOM, "allocatable": _ROOM, "conditions": [{"type": "Ready", "status": "True"}]}


@dataclass(frozen=True)
class Budget:
    """An action in `{place}`, and how many requests it may take."""

    action: str
    requests: int


BUDGETS = {
    "restart": Budget("kubectl rollout restart deployment/shop -n {place}", 15),
    "scale": Budget("kubectl scale deployment/shop --replicas=3 -n {place}", 16),
    "annotate": Budget("kubectl annotate deployment/shop note={place} -n {place} --overwrite", 14),
    "delete": Budget("kubectl delete pod {pod} -n {place}", 19),
    # One pod is evicted: each more is asked for by a dry run, evicted, and looked at twice.
    "drain": Budget("kubectl drain node-{place} --force --ignore-daemonsets --delete-emptydir-data", 22),
}


@pytest.fixture(scope="module")
def places() -> Iterator[SandboxCluster]:
    """Two namespaces with the same deployment, one of which is full of what belongs to others."""
    with SandboxCluster(manifests=[*_shop(SMALL), *_shop(CROWDED), *_crowd(CROWDED)]) as cluster:
        cluster.settle()
        yield cluster


def _object(kind: str, name: str, namespace: str | None, version: str = "v1", **parts: Any) -> dict[str, Any]:
    labels = {"app": name}
    place = {} if namespace is None else {"namespace": namespace}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": labels, **place}, **parts}


def _spec(name: str, replicas: int) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "app", "image": "shop:1"}]}}
    return {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}


def _shop(place: str) -> list[dict[str, Any]]:
    pinned = {"nodeName": f"node-{place}", "containers": [{"name": "app", "image": "job:1"}]}
    return [
        _object("Namespace", place, None),
        _object("Node", f"node-{place}", None, status=_READY, spec={"taints": [_PINNED_ONLY]}),
        _object("Node", f"other-{place}", None, status=_READY),
        _object("Deployment", "shop", place, "apps/v1", spec=_spec("shop", 2)),
        _object("Pod", "pinned", place, spec=pinned),
    ]


def _crowd(place: str) -> list[dict[str, Any]]:
    names = [f"old-{n}" for n in range(OLD_REPLICA_SETS)]
    idle = [_object("ReplicaSet", name, place, "apps/v1", spec=_spec(name, 0)) for name in names]
    containers = [{"name": "app", "image": "crowd:1"}]
    nowhere = {"nodeName": "elsewhere", "containers": containers}
    pods = [_object("Pod", f"crowd-{n}", place, spec=nowhere) for n in range(PODS)]
    warned = [
        {
            **_object("Event", f"warning-{n}", place),
            "involvedObject": {"kind": "Pod", "namespace": place, "name": f"crowd-{n}", "uid": f"uid-{n}"},
            "type": "Warning", "reason": "Unhealthy", "message": "not ready", "count": 1,
        }
        for n in range(EVENTS)
    ]  # fmt: skip
    return [*idle, *pods, *warned]


@pytest.fixture
def visited(plain_office: Office, places: SandboxCluster, monkeypatch: pytest.MonkeyPatch) -> Office:
    """An office of that cluster, whose verifications have a window and need not wait long in it."""
    monkeypatch.setattr(collection, "STEADY_SECONDS", 0.5)
    return plain_office.at_cluster(places).with_settings(
        verify_warm_up_seconds=0, verify_collect_seconds=15, verify_limit_seconds=20
    )


@pytest.mark.parametrize("place", [SMALL, CROWDED])
@pytest.mark.parametrize("operation", BUDGETS)
def test_an_action_costs_no_more_requests_than_its_budget(visited: Office, operation: str, place: str) -> None:
    cluster, budget = visited.cluster, BUDGETS[operation]
    cluster.settle()
    pods = [each["metadata"]["name"] for each in cluster.store.list("pods", place)]
    pod = next(name for name in pods if name.startswith("shop-"))
    approval = visited.approved(budget.action.format(place=place, pod=pod), risk="high")
    cluster.log.clear()

    report = visited.run(approval)
    assert report.outcome == "success", report.message
    cluster.settle()
    step = run_one(visited, execution_id_of(report), StepName.VERIFY)
    assert step.status is StepStatus.DONE, step.error
    assert step.result is not None
    assert step.result["verdict"] == "effective", step.result

    asked = [_shown(request) for request in cluster.requests]
    assert len(asked) <= budget.requests, "\n".join(asked)
    assert not [each for each in asked if _is_of_everything(each)], "nobody's business is listed whole"


def _shown(request: RecordedRequest) -> str:
    dry = " (dry run)" if request.dry_run else ""
    selected = "".join(request.query.get(name, "") for name in ("labelSelector", "fieldSelector"))
    return f"{request.method} {request.path} {selected}{dry}"


def _is_of_everything(shown: str) -> bool:
    method, path, rest = shown.split(" ", 2)
    return method == "GET" and path.rpartition("/")[2] in ("pods", "replicasets", "events") and not rest.strip()
