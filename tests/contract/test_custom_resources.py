"""Kinds that a CustomResourceDefinition brings: merge and JSON patches, validation by their schema."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.api import JSON_PATCH, MERGE, STRATEGIC, Answer, Api, wait_for
from tests.contract.namespace import Namespace
from tests.contract.versions import needs

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
APPLY = "application/apply-patch+yaml"
SPEC = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1},
        "mode": {"type": "string", "enum": ["slow", "fast"], "default": "slow"},
        "options": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
STATUS = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


class Gadgets:
    """The objects of a defined kind in one namespace."""

    def __init__(self, ns: Namespace, group: str) -> None:
        self.ns = ns
        self.version = f"{group}/v1"
        self.base = f"/apis/{group}/v1/namespaces/{ns.name}/gadgets"

    def body(self, name: str = "one", **spec: Any) -> Any:
        return {"apiVersion": self.version, "kind": "Gadget", "metadata": {"name": name}, "spec": spec or {"size": 2}}

    def post(self, body: Any, **query: str) -> Answer:
        return self.ns.api.request("POST", self.base, body, query=query)

    def patch(self, body: Any, how: str = MERGE, *, subresource: str = "", **query: str) -> Answer:
        path = "/".join(part for part in (self.base, "one", subresource) if part)
        return self.ns.api.request("PATCH", path, body, content_type=how, query=query)

    def get(self, name: str = "one") -> Answer:
        return self.ns.api.get(f"{self.base}/{name}")


@pytest.fixture(scope="module")
def group(api: Api, run_id: str) -> Iterator[str]:
    """A group of this run's own with one namespaced kind, Gadget."""
    name = f"probe-{run_id}.example.com"
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC, "status": STATUS}}},
        "subresources": {"status": {}},
    }
    names = {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"}
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{name}"},
        "spec": {"group": name, "scope": "Namespaced", "names": names, "versions": [version]},
    }
    api.request("POST", DEFINITIONS, body).ok()
    wait_for(
        lambda: api.get(f"{DEFINITIONS}/gadgets.{name}").ok()["status"].get("conditions") or (),
        lambda found: any(each["type"] == "Established" and each["status"] == "True" for each in found),
        what="the kind to be established",
    )
    wait_for(lambda: api.get(f"/apis/{name}/v1").status, lambda status: status == 200, what="the kind to be served")
    yield name
    api.request("DELETE", f"{DEFINITIONS}/gadgets.{name}")


@pytest.fixture
def gadgets(ns: Namespace, group: str) -> Gadgets:
    found = Gadgets(ns, group)
    # A definition is served a moment after it is named by discovery.
    wait_for(lambda: ns.api.get(found.base).status, lambda status: status == 200, what="the kind to be served")
    return found


def test_discovery_names_the_kind(gadgets: Gadgets) -> None:
    group, version = gadgets.version.split("/")
    resources = {each["name"]: each for each in gadgets.ns.api.get(f"/apis/{group}/{version}").ok()["resources"]}
    assert (resources["gadgets"]["kind"], resources["gadgets"]["namespaced"]) == ("Gadget", True)
    assert "gadgets/status" in resources
    assert group in {each["name"] for each in gadgets.ns.api.get("/apis").ok()["groups"]}


def test_an_object_is_kept_with_its_defaults_and_without_what_its_schema_does_not_know(gadgets: Gadgets) -> None:
    created = gadgets.post(gadgets.body(size=2, colour="red", options={"any": ["thing"]})).ok()
    assert created["spec"] == {"size": 2, "mode": "slow", "options": {"any": ["thing"]}}
    assert created["metadata"]["generation"] == 1
    assert gadgets.get().ok()["spec"] == created["spec"]
    listed = gadgets.ns.api.get(gadgets.base).ok()
    assert [item["metadata"]["name"] for item in listed["items"]] == ["one"]
    assert listed["kind"] == "GadgetList"


def test_merge_and_json_patches_change_it(gadgets: Gadgets) -> None:
    gadgets.post(gadgets.body()).ok()
    found = gadgets.patch({"spec": {"size": 3}}).ok()
    assert (found["spec"]["size"], found["metadata"]["generation"]) == (3, 2)
    found = gadgets.patch([{"op": "replace", "path": "/spec/size", "value": 4}], JSON_PATCH).ok()
    assert (found["spec"]["size"], found["metadata"]["generation"]) == (4, 3)
    found = gadgets.patch({"metadata": {"annotations": {"a": "b"}}}).ok()
    assert (found["metadata"]["annotations"], found["metadata"]["generation"]) == ({"a": "b"}, 3)
    assert gadgets.patch({"spec": {"size": 4}}).ok() == found
    assert gadgets.patch({"spec": {"size": 9}}, dryRun="All").ok()["spec"]["size"] == 9
    assert gadgets.get().ok() == found


def test_it_has_no_strategic_merge(gadgets: Gadgets) -> None:
    found = gadgets.post(gadgets.body()).ok()
    answer = gadgets.patch({"spec": {"size": 3}}, STRATEGIC)
    assert (answer.status, answer.reason) == (415, "UnsupportedMediaType")
    assert "application/merge-patch+json" in answer.body["message"]
    assert gadgets.get().ok() == found


@pytest.mark.parametrize(
    ("spec", "field"),
    [({"size": "x"}, "spec.size"), ({"size": 0}, "spec.size"), ({"size": 1, "mode": "odd"}, "spec.mode"),
     ({"mode": "fast"}, "spec.size")],
)  # fmt: skip
def test_what_its_schema_does_not_allow_is_422(gadgets: Gadgets, spec: Any, field: str) -> None:
    answer = gadgets.post(gadgets.body(**spec))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {field}


def test_unknown_fields_are_refused_if_asked(gadgets: Gadgets) -> None:
    needs(gadgets.ns.api, 25)
    answer = gadgets.post(gadgets.body(size=1, colour="red"), fieldValidation="Strict")
    assert (answer.status, answer.reason) == (400, "BadRequest")
    assert answer.body["message"].endswith('strict decoding error: unknown field "spec.colour"')
    gadgets.post(gadgets.body()).ok()
    answer = gadgets.patch({"spec": {"colour": "red"}}, fieldValidation="Strict")
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.body["message"].endswith('strict decoding error: unknown field "spec.colour"')


def test_its_status_is_written_apart(gadgets: Gadgets) -> None:
    gadgets.post({**gadgets.body(), "status": {"phase": "early"}}).ok()
    assert "status" not in gadgets.get().ok()
    found = gadgets.patch({"status": {"phase": "ready"}, "spec": {"size": 9}}, subresource="status").ok()
    assert (found["status"], found["spec"]["size"]) == ({"phase": "ready"}, 2)
    assert found["metadata"]["generation"] == 1


def test_it_can_be_applied(gadgets: Gadgets) -> None:
    created = gadgets.patch(gadgets.body(), APPLY, fieldManager="probe")
    assert created.status == 201
    answer = gadgets.patch(gadgets.body(size=3), APPLY, fieldManager="other")
    assert (answer.status, answer.reason) == (409, "Conflict")
    assert answer.causes == {".spec.size"}


def test_it_is_deleted_and_heeds_preconditions(gadgets: Gadgets) -> None:
    created = gadgets.post(gadgets.body()).ok()
    path = f"{gadgets.base}/one"
    wrong = {"preconditions": {"uid": "00000000-0000-4000-8000-000000000000"}}
    assert gadgets.ns.api.request("DELETE", path, wrong).status == 409
    right = {"preconditions": {"uid": created["metadata"]["uid"]}}
    assert gadgets.ns.api.request("DELETE", path, right).status == 200
    answer = gadgets.get()
    assert (answer.status, answer.reason) == (404, "NotFound")
    assert answer.body["details"]["kind"] == "gadgets"


def test_a_put_needs_a_resource_version(gadgets: Gadgets) -> None:
    gadgets.post(gadgets.body()).ok()
    answer = gadgets.ns.api.request("PUT", f"{gadgets.base}/one", gadgets.body(size=5))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"metadata.resourceVersion"}
