"""Has the database and the key of the seals: a sealed plan has to come of the signed operation all the same.

For every operation, its own plan is let through, and one with any object, namespace, request, field or value changed
is not.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from countersign.actions import read_action
from countersign.actions.operation import KubernetesOperation, Verb
from countersign.targets.kubernetes.binding import not_of
from countersign.targets.kubernetes.connection import connect
from countersign.targets.kubernetes.target import KubernetesTarget
from countersign.targets.model import Plan, plan_from_json
from tests.attacks.conftest import Office

COMMANDS = (
    "kubectl rollout restart deployment/api statefulset/db -n prod",
    "kubectl rollout pause deployment/payments -n prod",
    "kubectl scale deployment/worker --replicas=17 -n prod",
    "kubectl set image deployment/payments app=registry.local/payments:9.9 -n prod",
    "kubectl set env deployment/payments LOG_LEVEL=trace NEW=1 -n prod",
    "kubectl set resources deployment/payments -c app --limits=memory=255Mi -n prod",
    "kubectl annotate deployment/payments bound=yes -n prod",
    "kubectl label deployment/payments bound=yes -n prod",
    """kubectl patch deployment payments -n prod -p '{"spec":{"minReadySeconds":7}}'""",
    """kubectl patch hpa web -n prod --type=merge -p '{"spec":{"maxReplicas":9}}'""",
    """kubectl patch configmap settings -n prod --type=json -p '[{"op":"add","path":"/data/bound","value":"1"}]'""",
    "kubectl delete job migrate-orders -n prod",
    "kubectl delete pod {pod} -n prod --grace-period=5",
    "kubectl cordon node-3",
    "kubectl drain node-3 --ignore-daemonsets --delete-emptydir-data --force",
    "kubectl taint nodes node-3 bound=yes:NoSchedule",
    "kubectl create job bound-by-hand --from=cronjob/nightly-report -n prod",
)
SERVER_MAKES_THE_VALUE = {Verb.UNDO, Verb.PATCH, Verb.CREATE_JOB}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_plan_is_of_its_operation_and_of_no_other(office: Office, command: str) -> None:
    with connect(office.services.clusters.the_default(), request_timeout=5) as connection:
        pods = connection.get("/api/v1/namespaces/prod/pods")["items"]
        pod = next(each["metadata"]["name"] for each in pods if each["metadata"]["name"].startswith("api-"))
        operation = read_action(command.replace("{pod}", pod))
        assert isinstance(operation, KubernetesOperation)
        target = KubernetesTarget(connection, drain_timeout_seconds=60)
        plan = target.plan(operation, target.resolve(operation), at=datetime.now(UTC))
    assert plan.steps
    assert not_of(operation, plan, system="sandbox", namespace=None) is None
    tried = 0
    for what, changed in changes(plan, operation.verb):
        assert not_of(operation, changed, system="sandbox", namespace=None) is not None, what
        tried += 1
    assert tried > 10
    for other in COMMANDS:
        if other != command:
            foreign = read_action(other.replace("{pod}", pod))
            assert isinstance(foreign, KubernetesOperation)
            assert not_of(foreign, plan, system="sandbox", namespace=None) is not None, other


def changes(plan: Plan, verb: Verb) -> Iterator[tuple[str, Plan]]:
    """Yield plans that differ from `plan` in one thing that decides what is sent to whom."""
    whole: dict[str, Any] = json.loads(json.dumps(plan.to_json()))
    yield "verb", _with(whole, ("verb",), "undo" if verb is not Verb.UNDO else "delete")
    yield "system", _with(whole, ("system",), "production")
    kind = "ConfigMap" if plan.refs[0].kind != "ConfigMap" else "Deployment"
    for field, value in (("name", "another"), ("namespace", "kube-system"), ("kind", kind), ("system", "other")):
        yield f"refs {field}", _with(whole, ("refs", 0, field), value)
        yield f"step {field}", _with(whole, ("steps", 0, "ref", field), value)
    yield "no refs", _with(whole, ("refs",), [])
    for number, step in enumerate(whole["steps"]):
        request = step["request"]
        if "path" not in request:
            continue
        at = ("steps", number, "request")
        for path in (
            "/api/v1/namespaces/kube-system/secrets/token",
            request["path"] + "/status",
            request["path"] + "x",
            request["path"] + "?force=true",
            request["path"].replace("/prod/", "/staging/") if "/prod/" in request["path"] else request["path"] + "/x",
        ):
            yield f"path {path}", _with(whole, (*at, "path"), path)
        for effect in {"change", "delete", "create", "evict"} - {request["effect"]}:
            yield f"effect {effect}", _with(whole, (*at, "effect"), effect)
        yield from _bodies(whole, at, request["body"], verb)
    yield "a step twice", _with(whole, ("steps",), [*whole["steps"], whole["steps"][0]])


def _bodies(whole: dict[str, Any], at: tuple[Any, ...], body: Any, verb: Verb) -> Iterator[tuple[str, Plan]]:
    if isinstance(body, dict):
        if verb is not Verb.CREATE_JOB:
            yield "options", _with(whole, (*at, "body"), {**body, "orphanDependents": True})
        yield "kind", _with(whole, (*at, "body", "kind"), "Secret")
        return
    extra = {"op": "add", "path": "/spec/replicas", "value": 0}
    yield "another field", _with(whole, (*at, "body"), [*body, {"op": "add", "path": "/spec/selector", "value": {}}])
    if verb is not Verb.SCALE:
        yield "replicas", _with(whole, (*at, "body"), [*body, extra])
    yield "no test of the uid", _with(whole, (*at, "body"), body[1:])
    yield "another uid", _with(whole, (*at, "body", 0, "value"), "another")
    yield "content type", _with(whole, (*at, "contentType"), "application/apply-patch+yaml")
    for number, each in enumerate(body):
        if each["op"] == "test":
            continue
        yield "another path", _with(whole, (*at, "body", number, "path"), "/metadata/ownerReferences")
        yield "move", _with(whole, (*at, "body", number, "op"), "move")
        if each["op"] != "remove" and verb not in SERVER_MAKES_THE_VALUE and verb is not Verb.RESTART:
            yield "another value", _with(whole, (*at, "body", number, "value"), "registry.evil/image:1")
            yield "a mapping", _with(whole, (*at, "body", number, "value"), {"x": "y"})


def _with(whole: dict[str, Any], at: tuple[Any, ...], value: Any) -> Plan:
    changed = deepcopy(whole)
    place: Any = changed
    for part in at[:-1]:
        place = place[part]
    place[at[-1]] = value
    return plan_from_json(changed)
