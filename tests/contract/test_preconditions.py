"""Preconditions: what makes a late or repeated request harmless."""

from typing import Any

import pytest

from tests.contract.api import MERGE, STRATEGIC
from tests.contract.namespace import Namespace
from tests.contract.objects import configmap, deployment, pod

OTHER_UID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def found(ns: Namespace) -> Any:
    """A ConfigMap."""
    return ns.create("configmaps", configmap(colour="red"))


def version(thing: Any) -> str:
    return str(thing["metadata"]["resourceVersion"])


@pytest.mark.parametrize("how", [MERGE, STRATEGIC])
def test_a_patch_with_a_stale_resource_version_is_409(ns: Namespace, found: Any, how: str) -> None:
    ns.patch("configmaps", "settings", {"data": {"colour": "green"}}).ok()
    late = {"metadata": {"resourceVersion": version(found)}, "data": {"colour": "blue"}}
    answer = ns.patch("configmaps", "settings", late, how)
    assert (answer.status, answer.reason) == (409, "Conflict")
    assert ns.read("configmaps", "settings")["data"] == {"colour": "green"}


def test_a_stale_resource_version_is_409_even_when_nothing_would_change(ns: Namespace, found: Any) -> None:
    ns.patch("configmaps", "settings", {"data": {"colour": "green"}}).ok()
    late = {"metadata": {"resourceVersion": version(found)}, "data": {"colour": "green"}}
    assert ns.patch("configmaps", "settings", late).status == 409


def test_a_patch_with_the_current_resource_version_is_done(ns: Namespace, found: Any) -> None:
    change = {"metadata": {"resourceVersion": version(found)}, "data": {"colour": "blue"}}
    answer = ns.patch("configmaps", "settings", change).ok()
    assert answer["data"] == {"colour": "blue"}
    assert version(answer) != version(found)


@pytest.mark.parametrize("how", [MERGE, STRATEGIC])
def test_a_patch_with_a_wrong_uid_is_refused(ns: Namespace, found: Any, how: str) -> None:
    answer = ns.patch("configmaps", "settings", {"metadata": {"uid": OTHER_UID}, "data": {"colour": "blue"}}, how)
    # Which of the two depends on the version: 422 immutable field, or 409 from a uid precondition.
    assert (answer.status, answer.reason) in ((422, "Invalid"), (409, "Conflict"))
    assert ns.read("configmaps", "settings")["data"] == {"colour": "red"}


def test_a_patch_with_the_right_uid_is_done(ns: Namespace, found: Any) -> None:
    change = {"metadata": {"uid": found["metadata"]["uid"]}, "data": {"colour": "blue"}}
    assert ns.patch("configmaps", "settings", change).ok()["data"] == {"colour": "blue"}


def test_a_failing_test_of_a_field_is_422_and_changes_nothing(ns: Namespace, found: Any) -> None:
    answer = ns.json_patch(
        "configmaps",
        "settings",
        {"op": "test", "path": "/data/colour", "value": "green"},
        {"op": "replace", "path": "/data/colour", "value": "blue"},
    )
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert ns.read("configmaps", "settings") == found


def test_a_passing_test_of_a_field_lets_the_rest_through(ns: Namespace, found: Any) -> None:
    answer = ns.json_patch(
        "configmaps",
        "settings",
        {"op": "test", "path": "/metadata/uid", "value": found["metadata"]["uid"]},
        {"op": "test", "path": "/data/colour", "value": "red"},
        {"op": "replace", "path": "/data/colour", "value": "blue"},
    )
    assert answer.ok()["data"] == {"colour": "blue"}


def test_a_test_for_null_passes_on_an_absent_field(ns: Namespace, found: Any) -> None:
    answer = ns.json_patch(
        "configmaps",
        "settings",
        {"op": "test", "path": "/metadata/annotations", "value": None},
        {"op": "add", "path": "/data/shape", "value": "round"},
    )
    assert answer.ok()["data"] == {"colour": "red", "shape": "round"}


def test_a_test_for_null_fails_on_a_present_field(ns: Namespace, found: Any) -> None:
    answer = ns.json_patch("configmaps", "settings", {"op": "test", "path": "/data/colour", "value": None})
    assert answer.status == 422


@pytest.mark.parametrize("value", ["blue", None])
def test_a_test_below_an_absent_field_is_refused(ns: Namespace, found: Any, value: str | None) -> None:
    answer = ns.json_patch(
        "configmaps",
        "settings",
        {"op": "test", "path": "/metadata/annotations/team", "value": value},
        {"op": "add", "path": "/data/shape", "value": "round"},
    )
    assert answer.status == 422
    assert ns.read("configmaps", "settings") == found


def test_adding_below_an_absent_field_is_422(ns: Namespace, found: Any) -> None:
    operation = {"op": "add", "path": "/metadata/annotations/team", "value": "blue"}
    answer = ns.json_patch("configmaps", "settings", operation)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert ns.read("configmaps", "settings") == found


def test_removing_an_absent_field_is_422(ns: Namespace, found: Any) -> None:
    # Replacing an absent field is not probed: old servers add it, new ones refuse it.
    answer = ns.json_patch("configmaps", "settings", {"op": "remove", "path": "/data/absent"})
    assert (answer.status, answer.reason) == (422, "Invalid")


def test_the_generation_can_be_tested(ns: Namespace) -> None:
    generation = ns.create("deployments", deployment())["metadata"]["generation"]
    tested = {"op": "test", "path": "/metadata/generation", "value": generation}
    pause = {"op": "add", "path": "/spec/paused", "value": True}
    assert ns.json_patch("deployments", "web", tested, pause).ok()["spec"]["paused"] is True
    again = ns.json_patch("deployments", "web", tested, {"op": "replace", "path": "/spec/paused", "value": False})
    assert again.status == 422
    assert ns.read("deployments", "web")["spec"]["paused"] is True


def test_a_slash_in_a_key_is_written_tilde_one(ns: Namespace, found: Any) -> None:
    ns.patch("configmaps", "settings", {"metadata": {"annotations": {"example.com/team": "blue"}}}).ok()
    answer = ns.json_patch(
        "configmaps",
        "settings",
        {"op": "test", "path": "/metadata/annotations/example.com~1team", "value": "blue"},
        {"op": "replace", "path": "/metadata/annotations/example.com~1team", "value": "green"},
    )
    assert answer.ok()["metadata"]["annotations"]["example.com/team"] == "green"


def test_a_delete_with_a_wrong_uid_is_409_and_deletes_nothing(ns: Namespace, found: Any) -> None:
    answer = ns.delete("configmaps", "settings", {"preconditions": {"uid": OTHER_UID}})
    assert (answer.status, answer.reason) == (409, "Conflict")
    assert ns.read("configmaps", "settings") == found


def test_a_delete_with_the_right_uid_is_done(ns: Namespace, found: Any) -> None:
    answer = ns.delete("configmaps", "settings", {"preconditions": {"uid": found["metadata"]["uid"]}})
    assert answer.status in (200, 202)
    assert ns.get("configmaps", "settings").status == 404


def test_a_delete_with_a_stale_resource_version_is_409(ns: Namespace, found: Any) -> None:
    ns.patch("configmaps", "settings", {"data": {"colour": "green"}}).ok()
    answer = ns.delete("configmaps", "settings", {"preconditions": {"resourceVersion": version(found)}})
    assert (answer.status, answer.reason) == (409, "Conflict")
    assert ns.get("configmaps", "settings").status == 200


def test_a_pods_delete_heeds_the_uid(ns: Namespace) -> None:
    found = ns.create_pod(pod())
    assert ns.delete("pods", "alone", {"preconditions": {"uid": OTHER_UID}}).status == 409
    assert "deletionTimestamp" not in ns.read("pods", "alone")["metadata"]
    answer = ns.delete("pods", "alone", {"preconditions": {"uid": found["metadata"]["uid"]}})
    assert answer.status in (200, 202)
    ns.wait_gone("pods", "alone")


def test_a_put_with_the_current_resource_version_is_done(ns: Namespace, found: Any) -> None:
    answer = ns.put("configmaps", "settings", {**found, "data": {"colour": "blue"}})
    assert answer.ok()["data"] == {"colour": "blue"}
    assert answer.body["metadata"]["uid"] == found["metadata"]["uid"]
    assert answer.body["metadata"]["creationTimestamp"] == found["metadata"]["creationTimestamp"]


def test_a_put_without_a_resource_version_overwrites(ns: Namespace, found: Any) -> None:
    ns.patch("configmaps", "settings", {"data": {"shape": "round"}}).ok()
    assert ns.put("configmaps", "settings", configmap(colour="blue")).ok()["data"] == {"colour": "blue"}


def test_a_put_with_a_wrong_uid_is_409(ns: Namespace, found: Any) -> None:
    found["metadata"]["uid"] = OTHER_UID
    answer = ns.put("configmaps", "settings", found)
    assert (answer.status, answer.reason) == (409, "Conflict")
