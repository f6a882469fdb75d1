"""Every verb on a cluster: it works, lost requests and answers do no harm, the work of others is respected."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from countersign.actions.operation import (
    DeleteParameters,
    MetadataParameters,
    NoParameters,
    Parameters,
    PatchParameters,
    PatchType,
    ScaleParameters,
    SetEnvParameters,
    SetImageParameters,
    SetResourcesParameters,
    UndoParameters,
    Verb,
)
from countersign.canonical import canonical_json
from countersign.errors import AmbiguousTargetError, PreconditionFailed
from countersign.targets.kubernetes.change import field_of
from countersign.targets.model import Landed, Plan, plan_from_json
from tests.targets.cluster import Cluster
from tests.targets.lossy import Loss

pytestmark = pytest.mark.contract

TEMPLATE = "/spec/template/spec/containers/[name=app]"


def second_revision(cluster: Cluster, kind: str) -> None:
    cluster.change(kind, "api", {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "app:0"}]}}}})
    cluster.settled(kind, "api")


def paused_with_change(cluster: Cluster, kind: str) -> None:
    cluster.change(kind, "api", {"spec": {"paused": True}})
    cluster.settled(kind, "api")


def labelled(cluster: Cluster, kind: str) -> None:
    cluster.change(kind, "api", {"metadata": {"labels": {"tier": "web"}}})


def untouched(cluster: Cluster, kind: str) -> None:
    pass


@dataclass(frozen=True)
class Case:
    """A verb on a fresh workload: what it does to which field, and what somebody else might do in the meantime."""

    verb: Verb
    parameters: Parameters
    at: str
    after: Any
    """The field's value afterwards; None is absent, ... is any."""
    foreign: Mapping[str, Any]
    kind: str = "Deployment"
    prepare: Callable[[Cluster, str], None] = untouched
    id: str = field(default="")


FOREIGN_TEMPLATE = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "theirs:1"}]}}}}
STAMP = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt"
FOREIGN_STAMP = {
    "spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}}}}
}
CASES = [
    *(Case(Verb.RESTART, NoParameters(), STAMP, ..., FOREIGN_STAMP, kind) for kind in ("Deployment", "StatefulSet")),
    Case(Verb.RESTART, NoParameters(), STAMP, ..., FOREIGN_STAMP, "DaemonSet"),
    *(
        Case(Verb.SCALE, ScaleParameters(3), "/spec/replicas", 3, {"spec": {"replicas": 1}}, kind)
        for kind in ("Deployment", "StatefulSet", "ReplicaSet")
    ),
    Case(Verb.SET_IMAGE, SetImageParameters((("app", "app:2"),)), f"{TEMPLATE}/image", "app:2", FOREIGN_TEMPLATE),
    Case(
        Verb.SET_ENV, SetEnvParameters((("LEVEL", "debug"),)), f"{TEMPLATE}/env/[name=LEVEL]/value", "debug",
        {"spec": {"template": {"spec": {"containers": [
            {"name": "app", "image": "app:1", "env": [{"name": "LEVEL", "value": "theirs"}]}]}}}},
    ),
    Case(
        Verb.SET_RESOURCES, SetResourcesParameters((("cpu", "1000m"),)), f"{TEMPLATE}/resources/limits/cpu", "1",
        {"spec": {"template": {"spec": {"containers": [
            {"name": "app", "image": "app:1", "resources": {"limits": {"cpu": "3"}}}]}}}},
    ),
    Case(Verb.PAUSE, NoParameters(), "/spec/paused", True, FOREIGN_TEMPLATE),
    Case(Verb.RESUME, NoParameters(), "/spec/paused", None, FOREIGN_TEMPLATE, prepare=paused_with_change),
    *(
        Case(Verb.UNDO, UndoParameters(), f"{TEMPLATE}/image", "app:1", FOREIGN_TEMPLATE, kind, second_revision)
        for kind in ("Deployment", "StatefulSet", "DaemonSet")
    ),
    Case(
        Verb.LABEL, MetadataParameters((("tier", "db"),), overwrite=True), "/metadata/labels/tier", "db",
        {"metadata": {"labels": {"tier": "theirs"}}}, prepare=labelled,
    ),
    Case(
        Verb.LABEL, MetadataParameters((("tier", "db"),)), "/metadata/labels/tier", "db",
        {"metadata": {"labels": {"tier": "theirs"}}},
    ),
    Case(
        Verb.LABEL, MetadataParameters(remove=("tier",)), "/metadata/labels/tier", None,
        {"metadata": {"labels": {"tier": "theirs"}}}, prepare=labelled,
    ),
    Case(
        Verb.ANNOTATE, MetadataParameters((("a.b/c", "d"),)), "/metadata/annotations/a.b~1c", "d",
        {"metadata": {"annotations": {"a.b/c": "theirs"}}}, "StatefulSet",
    ),
    Case(
        Verb.PATCH, PatchParameters(PatchType.STRATEGIC, canonical_json(
            {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "app:3"}]}}}})),
        f"{TEMPLATE}/image", "app:3", FOREIGN_TEMPLATE,
    ),
    Case(
        Verb.PATCH, PatchParameters(PatchType.MERGE, canonical_json({"spec": {"minReadySeconds": 5}})),
        "/spec/minReadySeconds", 5, {"spec": {"minReadySeconds": 7}},
    ),
    Case(
        Verb.PATCH, PatchParameters(PatchType.JSON, canonical_json(
            [{"op": "replace", "path": "/spec/replicas", "value": 2}])),
        "/spec/replicas", 2, {"spec": {"replicas": 1}},
    ),
]  # fmt: skip
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.verb}-{case.kind}")


def planned(cluster: Cluster, case: Case) -> tuple[Plan, Any]:
    """A plan as it comes back from the records, and its one step."""
    cluster.workload(case.kind)
    case.prepare(cluster, case.kind)
    plan = plan_from_json(
        cluster.plan(cluster.operation(case.verb, case.kind, "api", parameters=case.parameters)).to_json()
    )
    (step,) = plan.steps
    return plan, step


def value(cluster: Cluster, case: Case) -> Any:
    return field_of(cluster.get(case.kind, "api"), case.at)


def is_done(cluster: Cluster, case: Case) -> bool:
    found = value(cluster, case)
    return found is not None if case.after is ... else found == case.after


@every_case
def test_a_lost_request_is_seen_as_not_landed_and_sent_again(cluster: Cluster, case: Case) -> None:
    plan, step = planned(cluster, case)
    assert [item.severity for item in cluster.target.preflight(plan) if item.severity == "blocking"] == []
    cluster.proxy.lose(Loss.REQUEST)
    with pytest.raises(AmbiguousTargetError):
        cluster.apply(plan, step)
    assert cluster.target.inspect(plan, step).landed is Landed.NO
    assert not is_done(cluster, case)
    cluster.apply(plan, step)
    assert cluster.target.inspect(plan, step).landed is Landed.YES
    assert is_done(cluster, case)


@every_case
def test_a_lost_answer_is_seen_as_landed_and_a_second_request_changes_nothing(cluster: Cluster, case: Case) -> None:
    plan, step = planned(cluster, case)
    cluster.proxy.lose(Loss.ANSWER)
    with pytest.raises(AmbiguousTargetError):
        cluster.apply(plan, step)
    assert cluster.target.inspect(plan, step).landed is Landed.YES
    done = cluster.get(case.kind, "api")["spec"]
    with pytest.raises(PreconditionFailed):
        cluster.apply(plan, step)
    assert cluster.get(case.kind, "api")["spec"] == done
    assert cluster.target.inspect(plan, step).landed is Landed.YES


@every_case
def test_what_somebody_else_did_in_between_is_not_overwritten(cluster: Cluster, case: Case) -> None:
    plan, step = planned(cluster, case)
    cluster.change(case.kind, "api", dict(case.foreign))
    theirs = value(cluster, case)
    with pytest.raises(PreconditionFailed):
        cluster.apply(plan, step)
    assert value(cluster, case) == theirs
    assert cluster.target.inspect(plan, step).landed is not Landed.YES


@every_case
def test_a_late_copy_after_somebody_took_it_back_changes_nothing(cluster: Cluster, case: Case) -> None:
    plan, step = planned(cluster, case)
    cluster.apply(plan, step)
    cluster.change(case.kind, "api", dict(case.foreign))
    theirs = value(cluster, case)
    with pytest.raises(PreconditionFailed):
        cluster.apply(plan, step)
    assert value(cluster, case) == theirs


@every_case
def test_a_plan_can_be_taken_back_unless_it_restarts(cluster: Cluster, case: Case) -> None:
    plan, step = planned(cluster, case)
    before = cluster.get(case.kind, "api")
    cluster.apply(plan, step)
    back = cluster.target.invert(plan)
    if case.verb is Verb.RESTART:
        assert back is None
        return
    assert back is not None
    cluster.apply(back, back.steps[0])
    assert cluster.target.inspect(back, back.steps[0]).landed is Landed.YES
    after = cluster.get(case.kind, "api")
    assert after["spec"] == before["spec"]
    assert after["metadata"].get("labels") == before["metadata"].get("labels")


@every_case
def test_what_is_already_so_has_no_steps(cluster: Cluster, case: Case) -> None:
    plan, step = planned(cluster, case)
    cluster.apply(plan, step)
    if case.verb in (Verb.RESTART, Verb.UNDO):
        return  # they do something every time
    again = cluster.plan(cluster.operation(case.verb, case.kind, "api", parameters=case.parameters))
    assert again.steps == ()
    assert [item.code for item in cluster.target.preflight(again)] == ["nothing_to_do"]


def test_a_status_write_in_between_does_not_disturb(cluster: Cluster) -> None:
    case = CASES[0]
    plan, step = planned(cluster, case)
    path = cluster.path("Deployment", "api") + "/status"
    body = {"status": {"conditions": [{"type": "Noise", "status": "True"}]}}
    content_type = "application/merge-patch+json"
    cluster.write("PATCH", path, body, what="status", content_type=content_type)
    assert cluster.target.inspect(plan, step).landed is Landed.NO
    cluster.apply(plan, step)


def test_a_deleted_pod_is_deleted_once_and_its_namesake_never(cluster: Cluster) -> None:
    body = {"metadata": {"name": "one"}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}
    first = cluster.create("Pod", body)
    plan = cluster.plan(cluster.operation(Verb.DELETE, "Pod", "one", parameters=DeleteParameters(force=True)))
    (step,) = plan.steps
    cluster.proxy.lose(Loss.REQUEST)
    with pytest.raises(AmbiguousTargetError):
        cluster.apply(plan, step)
    assert cluster.target.inspect(plan, step).landed is Landed.NO
    cluster.proxy.lose(Loss.ANSWER)
    with pytest.raises(AmbiguousTargetError):
        cluster.apply(plan, step)
    assert cluster.target.inspect(plan, step).landed is Landed.YES
    second = cluster.create("Pod", body)
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    with pytest.raises(PreconditionFailed):
        cluster.apply(plan, step)
    assert cluster.target.inspect(plan, step).landed is Landed.YES
    assert cluster.get("Pod", "one")["metadata"]["uid"] == second["metadata"]["uid"]


def test_a_deleted_job_takes_its_pods_along_in_the_background(cluster: Cluster) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "app:1"}]}}
    cluster.create("Job", {"metadata": {"name": "load"}, "spec": {"template": template}})
    plan = cluster.perform(cluster.operation(Verb.DELETE, "Job", "load", parameters=DeleteParameters()))
    cluster.until(lambda: cluster.target.inspect(plan, plan.steps[0]).landed is Landed.YES)
    cluster.until(lambda: not cluster.items("Pod"))
