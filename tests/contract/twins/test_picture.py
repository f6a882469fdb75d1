"""The comparison itself: it forgives what identity and time make, and nothing else."""

from copy import deepcopy
from typing import Any

import pytest

from tests.contract.twins.picture import differences, plain, unexplained

NAMES = {"node-twin-1": "NODE", "twin-1": "NAMESPACE", "31000": "FREEPORT"}


def service(**spec: Any) -> dict[str, Any]:
    return {
        "kind": "Service",
        "metadata": {
            "name": "web",
            "namespace": "twin-1",
            "uid": "1",
            "resourceVersion": "5",
            "generation": 2,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app": "web"},
            "managedFields": [
                {"manager": "kubectl-patch", "time": "now", "fieldsV1": {"f:spec": {"f:type": {}}}},
                {"manager": "kube-controller-manager", "fieldsV1": {"f:metadata": {"f:annotations": {}}}},
            ],
        },
        "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 31000}], **spec},
        "status": {"loadBalancer": {}},
    }


def other_twin(found: dict[str, Any]) -> dict[str, Any]:
    found = deepcopy(found)
    found["metadata"].update(
        namespace="twin-2", uid="2", resourceVersion="9", creationTimestamp="2026-01-01T00:00:01Z"
    )
    found["metadata"]["managedFields"][0]["manager"] = "countersign"
    found["metadata"]["managedFields"].pop()
    found["spec"].update(clusterIP="10.0.0.2", ports=[{"port": 80, "nodePort": 32000}])
    return found


OTHER_NAMES = {"node-twin-2": "NODE", "twin-2": "NAMESPACE", "32000": "FREEPORT"}


def unlike(theirs: Any, ours: Any) -> list[str]:
    return list(differences({"it": plain(theirs, NAMES)}, {"it": plain(ours, OTHER_NAMES)}))


def test_twins_of_the_same_object_are_alike() -> None:
    assert unlike(service(), other_twin(service())) == []


@pytest.mark.parametrize(
    ("where", "value", "path"),
    [
        (("metadata", "labels"), {"app": "other"}, "it/metadata/labels/app"),
        (("metadata", "labels"), {}, "it/metadata/labels"),
        (("metadata", "generation"), 3, "it/metadata/generation"),
        (("spec", "type"), "NodePort", "it/spec/type"),
        (("spec", "clusterIP"), "None", "it/spec/clusterIP"),
        (("spec", "ports"), [{"port": 81, "nodePort": 32000}], "it/spec/ports/0/port"),
        (("spec", "ports"), [{"port": 80, "nodePort": 32001}], "it/spec/ports/0/nodePort"),
        (("metadata", "managedFields"), [], "it/fields of/actor//f:spec/f:type"),
    ],
)
def test_every_other_field_tells_them_apart(where: tuple[str, str], value: Any, path: str) -> None:
    ours = other_twin(service())
    ours[where[0]][where[1]] = value
    assert path in unlike(service(), ours)


def test_an_absent_field_is_not_an_empty_one() -> None:
    assert unlike(service(selector={}), other_twin(service())) == ["it/spec/selector"]


def test_a_restarts_moment_differs_and_the_restart_itself_does_not() -> None:
    def deployment(annotations: dict[str, str]) -> dict[str, Any]:
        template = {"metadata": {"annotations": annotations}}
        return {"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"template": template}}

    key = "kubectl.kubernetes.io/restartedAt"
    assert unlike(deployment({key: "now"}), deployment({key: "then"})) == []
    assert unlike(deployment({key: "now"}), deployment({})) != []


def test_an_explanation_that_explains_nothing_is_told() -> None:
    found = {"it/spec/type": ("a", "b")}
    assert unexplained(found, {"it/spec/*": "because"}) == []
    assert unexplained(found, {}) == ["it/spec/type: kubectl 'a', we 'b'"]
    assert unexplained({}, {"it/spec/*": "because"}) == ["it/spec/*: does not differ, so leave out: because"]
