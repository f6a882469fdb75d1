"""`fieldValidation`: what happens to fields that the kind doesn't have, and to fields that stand there twice."""

from typing import Any

import pytest

from tests.contract.api import JSON_PATCH, MERGE, STRATEGIC, Answer
from tests.contract.namespace import Namespace
from tests.contract.objects import deployment
from tests.contract.versions import needs

APPLY = "application/apply-patch+yaml"
TWICE = b'{"spec":{"replica":3,"replicas":0,"replicas":0}}'
UNKNOWN, DUPLICATE = 'unknown field "spec.replica"', 'duplicate field "spec.replicas"'


@pytest.fixture
def web(ns: Namespace) -> Any:
    """A Deployment without pods."""
    return ns.create("deployments", deployment(replicas=0))


def warnings(answer: Answer) -> list[str]:
    """The texts of an answer's Warning headers."""
    found = answer.headers.getlist("Warning")  # type: ignore[attr-defined]
    assert all(each.startswith('299 - "') and each.endswith('"') for each in found), found
    return [each.removeprefix('299 - "').removesuffix('"').replace('\\"', '"') for each in found]


def mistaken() -> dict[str, Any]:
    body = deployment(replicas=0)
    body["spec"]["replica"] = 3
    body["spec"]["template"]["spec"]["containers"][0]["imag"] = "x"
    return body


def unlike(ns: Namespace, body: Any, method: str = "POST", **query: str) -> Answer:
    path = ns.path("deployments", "web" if method == "PUT" else "")
    return ns.api.request(method, path, body, query=query)


def test_an_unknown_field_is_dropped_and_told(ns: Namespace) -> None:
    needs(ns.api, 27)
    answer = unlike(ns, mistaken())
    assert answer.status == 201
    assert sorted(warnings(answer)) == [
        'unknown field "spec.replica"',
        'unknown field "spec.template.spec.containers[0].imag"',
    ]
    found = ns.read("deployments", "web")["spec"]
    assert "replica" not in found
    assert "imag" not in found["template"]["spec"]["containers"][0]


def test_an_older_server_drops_it_silently_and_knows_no_validation(ns: Namespace) -> None:
    answer = unlike(ns, mistaken(), fieldValidation="Ignore")
    assert answer.status == 201
    assert warnings(answer) == []
    assert "replica" not in ns.read("deployments", "web")["spec"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_strict_validation_refuses_an_object_with_400(ns: Namespace, method: str) -> None:
    needs(ns.api, 25)
    if method == "PUT":
        ns.create("deployments", deployment(replicas=0))
    answer = unlike(ns, mistaken(), method, fieldValidation="Strict")
    assert (answer.status, answer.reason) == (400, "BadRequest")
    message = answer.body["message"]
    assert message.startswith('Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: ')
    assert 'unknown field "spec.replica"' in message
    assert 'unknown field "spec.template.spec.containers[0].imag"' in message


def test_a_duplicate_field_counts_once_and_is_told(ns: Namespace) -> None:
    needs(ns.api, 27)
    body = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"a":"1"},"data":{"a":"2"}}'
    strict = ns.api.request("POST", ns.path("configmaps"), body, query={"fieldValidation": "Strict"})
    assert (strict.status, strict.reason) == (400, "BadRequest")
    assert strict.body["message"].endswith('strict decoding error: duplicate field "data"')
    answer = ns.api.request("POST", ns.path("configmaps"), body)
    assert answer.status == 201
    assert warnings(answer) == ['duplicate field "data"']
    assert ns.read("configmaps", "settings")["data"] == {"a": "2"}


@pytest.mark.parametrize("how", [MERGE, STRATEGIC])
def test_strict_validation_refuses_a_patch_with_422(ns: Namespace, web: Any, how: str) -> None:
    needs(ns.api, 25)
    answer = ns.patch("deployments", "web", TWICE, how, fieldValidation="Strict")
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"patch"}
    assert answer.body["message"].endswith(f": strict decoding error: {DUPLICATE}, {UNKNOWN}")
    assert ns.patch("deployments", "web", {"spec": {"replicas": 0}}, how, fieldValidation="Strict").status == 200


@pytest.mark.parametrize("how", [MERGE, STRATEGIC])
@pytest.mark.parametrize("validation", ["Warn", None, "Ignore"])
def test_a_patch_of_a_field_that_is_not_there_changes_nothing(
    ns: Namespace, how: str, validation: str | None
) -> None:
    needs(ns.api, 27)
    ns.create("deployments", deployment(replicas=0))
    web = ns.settled("web")
    query = {"fieldValidation": validation} if validation else {}
    answer = ns.patch("deployments", "web", TWICE, how, **query)
    assert answer.ok()["metadata"]["resourceVersion"] == web["metadata"]["resourceVersion"]
    assert "replica" not in answer.body["spec"]
    assert warnings(answer) == ([] if validation == "Ignore" else [DUPLICATE, UNKNOWN])


def test_a_json_patch_is_validated_too(ns: Namespace, web: Any) -> None:
    needs(ns.api, 27)
    operation = {"op": "add", "path": "/spec/replica", "value": 3, "reason": "none"}
    answer = ns.patch("deployments", "web", [operation], JSON_PATCH, fieldValidation="Strict")
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert UNKNOWN in answer.body["message"]
    answer = ns.patch("deployments", "web", [operation], JSON_PATCH)
    assert answer.status == 200
    assert warnings(answer) == ['json patch unknown field "[0].reason"', UNKNOWN]


def test_a_patch_of_the_scale_is_validated_too(ns: Namespace, web: Any) -> None:
    needs(ns.api, 27)
    body = {"spec": {"replica": 2}}
    strict = ns.patch("deployments", "web", body, subresource="scale", fieldValidation="Strict")
    assert (strict.status, strict.reason) == (422, "Invalid")
    answer = ns.patch("deployments", "web", body, subresource="scale")
    assert answer.status == 200
    assert warnings(answer) == [UNKNOWN]


def test_an_applied_configuration_may_not_have_unknown_fields_at_all(ns: Namespace) -> None:
    body = deployment(replicas=0)
    body["spec"]["replica"] = 3
    answer = ns.patch("deployments", "web", body, APPLY, fieldManager="probe")
    assert answer.status == 500
    assert ".spec.replica: field not declared in schema" in answer.body["message"]


def test_an_applied_configuration_with_a_duplicate_field_is_told(ns: Namespace, web: Any) -> None:
    needs(ns.api, 27)
    body = b'{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":0,"replicas":0}}'
    strict = ns.patch("deployments", "web", body, APPLY, fieldManager="probe", fieldValidation="Strict")
    assert (strict.status, strict.reason) == (400, "BadRequest")
    answer = ns.patch("deployments", "web", body, APPLY, fieldManager="probe")
    assert answer.status == 200
    assert warnings(answer) == ['line 1: key "replicas" already set in map']


def test_a_validation_that_does_not_exist_is_422(ns: Namespace) -> None:
    needs(ns.api, 25)
    answer = unlike(ns, deployment(replicas=0), fieldValidation="Harsh")
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"fieldValidation"}
    assert ns.get("deployments", "web").status == 404


def test_a_wrong_type_is_422_whatever_is_validated(ns: Namespace, web: Any) -> None:
    for query in ({}, {"fieldValidation": "Strict"}):
        answer = ns.patch("deployments", "web", {"spec": {"replicas": "many"}}, STRATEGIC, **query)
        assert (answer.status, answer.reason) == (422, "Invalid")
        assert answer.causes == {"patch"}


def test_a_field_of_another_version_is_unknown(ns: Namespace) -> None:
    needs(ns.api, 27)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 3}
    body = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}}
    ns.create("horizontalpodautoscalers", {**body, "spec": spec})
    places = {version: f"/apis/autoscaling/{version}/namespaces/{ns.name}/horizontalpodautoscalers/web"
              for version in ("v1", "v2")}  # fmt: skip
    percentage = {"spec": {"targetCPUUtilizationPercentage": 50}}
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization",
                                                                       "averageUtilization": 60}}}  # fmt: skip
    wrong = ns.api.request("PATCH", places["v2"], percentage, content_type=MERGE)
    assert warnings(wrong) == ['unknown field "spec.targetCPUUtilizationPercentage"']
    wrong = ns.api.request("PATCH", places["v1"], {"spec": {"metrics": [metric]}}, content_type=MERGE)
    assert warnings(wrong) == ['unknown field "spec.metrics"']
    right = ns.api.request("PATCH", places["v1"], percentage, content_type=MERGE)
    assert warnings(right) == []
    assert right.ok()["spec"]["targetCPUUtilizationPercentage"] == 50
    metrics = ns.api.get(places["v2"]).ok()["spec"]["metrics"]
    assert metrics[0]["resource"]["target"]["averageUtilization"] == 50
