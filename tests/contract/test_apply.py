"""Server-side apply: merging, ownership, conflicts."""

from typing import Any

import pytest

from tests.contract.api import Answer
from tests.contract.namespace import Namespace
from tests.contract.objects import NEW_IMAGE, configmap, container, deployment

APPLY = "application/apply-patch+yaml"


def apply(ns: Namespace, resource: str, body: Any, manager: str = "probe", **query: str) -> Answer:
    """Apply a configuration."""
    return ns.patch(resource, body["metadata"]["name"], body, APPLY, fieldManager=manager, **query)


def partial(**spec: Any) -> Any:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def entries(found: Any) -> dict[tuple[str, str], Any]:
    """The fields by manager and operation."""
    return {(entry["manager"], entry["operation"]): entry["fieldsV1"] for entry in found["metadata"]["managedFields"]}


def test_an_object_that_is_not_there_is_made(ns: Namespace) -> None:
    answer = apply(ns, "configmaps", configmap(colour="red"))
    assert answer.status == 201
    assert entries(answer.body) == {("probe", "Apply"): {"f:data": {"f:colour": {}}}}
    assert ns.read("configmaps", "settings")["data"] == {"colour": "red"}


def test_the_same_again_changes_nothing(ns: Namespace) -> None:
    created = apply(ns, "configmaps", configmap(colour="red")).ok()
    answer = apply(ns, "configmaps", configmap(colour="red"))
    assert answer.status == 200
    assert answer.body == created


def test_what_is_no_longer_said_goes(ns: Namespace) -> None:
    apply(ns, "configmaps", configmap(colour="red", size="1")).ok()
    found = apply(ns, "configmaps", configmap(colour="blue")).ok()
    assert found["data"] == {"colour": "blue"}


def test_what_others_said_stays(ns: Namespace) -> None:
    apply(ns, "configmaps", configmap(colour="red")).ok()
    ns.patch("configmaps", "settings", {"data": {"size": "1"}}, fieldManager="other").ok()
    found = apply(ns, "configmaps", configmap(shape="round")).ok()
    assert found["data"] == {"shape": "round", "size": "1"}


def test_what_another_set_is_a_conflict(ns: Namespace) -> None:
    ns.post("deployments", deployment(replicas=0), fieldManager="maker").ok()
    answer = apply(ns, "deployments", partial(replicas=1))
    assert (answer.status, answer.reason) == (409, "Conflict")
    assert (
        answer.body["message"] == 'Apply failed with 1 conflict: conflict with "maker" using apps/v1: .spec.replicas'
    )
    assert answer.body["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "maker" using apps/v1',
            "field": ".spec.replicas",
        }
    ]
    assert ns.read("deployments", "web")["spec"]["replicas"] == 0


def test_two_conflicts_are_both_named(ns: Namespace) -> None:
    ns.post("deployments", deployment(replicas=0), fieldManager="maker").ok()
    body = partial(replicas=1, template={"spec": {"containers": [container(image=NEW_IMAGE)]}})
    answer = apply(ns, "deployments", body)
    assert answer.status == 409
    assert answer.body["message"].startswith("Apply failed with 2 conflicts: conflicts with ")
    assert answer.causes == {".spec.replicas", '.spec.template.spec.containers[name="app"].image'}


def test_force_takes_over(ns: Namespace) -> None:
    ns.post("deployments", deployment(replicas=0), fieldManager="maker").ok()
    found = apply(ns, "deployments", partial(revisionHistoryLimit=3), force="true").ok()
    assert found["spec"]["revisionHistoryLimit"] == 3
    owned = entries(found)
    assert owned["probe", "Apply"] == {"f:spec": {"f:revisionHistoryLimit": {}}}
    assert "f:revisionHistoryLimit" not in owned["maker", "Update"]["f:spec"]


def test_the_same_value_may_have_two_owners(ns: Namespace) -> None:
    apply(ns, "configmaps", configmap(colour="red")).ok()
    found = apply(ns, "configmaps", configmap(colour="red"), "second").ok()
    fields = {"f:data": {"f:colour": {}}}
    assert entries(found) == {("probe", "Apply"): fields, ("second", "Apply"): fields}
    answer = apply(ns, "configmaps", configmap(colour="blue"), "second")
    assert answer.body["message"] == 'Apply failed with 1 conflict: conflict with "probe": .data.colour'
    body = configmap()
    del body["data"]
    body["metadata"]["labels"] = {"a": "b"}
    found = apply(ns, "configmaps", body, "second").ok()
    assert found["data"] == {"colour": "red"}


def test_a_container_is_merged_by_its_name(ns: Namespace) -> None:
    apply(ns, "deployments", deployment("web", container(), replicas=0)).ok()
    sidecar = partial(template={"spec": {"containers": [{"name": "sidecar", "image": "nginx:1"}]}})
    found = apply(ns, "deployments", sidecar, "second").ok()
    assert [each["name"] for each in found["spec"]["template"]["spec"]["containers"]] == ["app", "sidecar"]
    found = apply(ns, "deployments", partial(minReadySeconds=1), "second").ok()
    assert [each["name"] for each in found["spec"]["template"]["spec"]["containers"]] == ["app"]


def test_a_dry_apply_stores_nothing(ns: Namespace) -> None:
    assert apply(ns, "configmaps", configmap(colour="red"), dryRun="All").status == 201
    assert ns.get("configmaps", "settings").status == 404


def test_yaml_is_understood(ns: Namespace) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  colour: red\n"
    answer = ns.patch("configmaps", "settings", text, APPLY, fieldManager="probe")
    assert answer.status == 201
    assert answer.body["data"] == {"colour": "red"}


@pytest.mark.parametrize(
    ("body", "query", "code"),
    [
        (configmap(), {}, 422),
        (b"{a: [", {"fieldManager": "probe"}, 400),
        ([], {"fieldManager": "probe"}, 400),
        (configmap("other"), {"fieldManager": "probe"}, 400),
        ({"metadata": {"name": "settings"}}, {"fieldManager": "probe"}, 400),
        ({**configmap(), "metadata": {"managedFields": [{}]}}, {"fieldManager": "probe"}, 400),
        ({**configmap(), "metadata": {"resourceVersion": "1"}}, {"fieldManager": "probe"}, 409),
    ],
)
def test_what_cannot_be_applied_is_refused(ns: Namespace, body: Any, query: dict[str, str], code: int) -> None:
    found = ns.create("configmaps", configmap(colour="red"))
    assert ns.patch("configmaps", "settings", body, APPLY, **query).status == code
    assert ns.read("configmaps", "settings") == found


def test_only_an_apply_can_be_forced(ns: Namespace) -> None:
    ns.create("configmaps", configmap())
    answer = ns.patch("configmaps", "settings", {}, force="true")
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"force"}
