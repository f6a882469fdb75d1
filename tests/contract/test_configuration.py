"""ConfigMaps, Secrets and HorizontalPodAutoscalers."""

import base64
from typing import Any

from tests.contract.api import STRATEGIC
from tests.contract.namespace import Namespace
from tests.contract.objects import configmap


def secret(name: str = "keys", **fields: Any) -> Any:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, **fields}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def autoscaler(ns: Namespace, low: int = 1, high: int = 3) -> Any:
    """An autoscaler in the version that the server has."""
    version = ns.path("horizontalpodautoscalers").split("/")[3]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return {
        "apiVersion": f"autoscaling/{version}",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": target, "minReplicas": low, "maxReplicas": high},
    }


def test_a_configmap_is_kept_as_it_was_sent(ns: Namespace) -> None:
    text = "colour = red\n# café ✓\n"
    ns.create("configmaps", configmap(**{"app.conf": text}))
    assert ns.read("configmaps", "settings")["data"] == {"app.conf": text}


def test_a_configmap_takes_text_only(ns: Namespace) -> None:
    body = {**configmap(), "data": {"replicas": 3}}
    assert ns.post("configmaps", body).status in (400, 422)


def test_a_configmap_key_must_be_a_file_name(ns: Namespace) -> None:
    answer = ns.post("configmaps", configmap(**{"not a key": "x"}))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"data[not a key]"}


def test_an_immutable_configmap_stays_as_it_is(ns: Namespace) -> None:
    ns.create("configmaps", {**configmap(colour="red"), "immutable": True})
    answer = ns.patch("configmaps", "settings", {"data": {"colour": "blue"}})
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"data"}
    assert ns.patch("configmaps", "settings", {"metadata": {"labels": {"a": "b"}}}).status == 200


def test_a_secret_takes_text_and_gives_base64(ns: Namespace) -> None:
    created = ns.create("secrets", secret(stringData={"token": "opensesame"}))
    assert created["type"] == "Opaque"
    found = ns.read("secrets", "keys")
    assert found["data"] == {"token": encoded("opensesame")}
    assert "stringData" not in found


def test_a_secret_is_patched_key_by_key(ns: Namespace) -> None:
    ns.create("secrets", secret(data={"one": encoded("1"), "two": encoded("2")}))
    ns.patch("secrets", "keys", {"data": {"one": None}, "stringData": {"two": "zwei"}}, STRATEGIC).ok()
    assert ns.read("secrets", "keys")["data"] == {"two": encoded("zwei")}


def test_a_secrets_type_cannot_be_changed(ns: Namespace) -> None:
    ns.create("secrets", secret())
    answer = ns.patch("secrets", "keys", {"type": "example.com/other"})
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"type"}


def test_a_generated_name_begins_as_asked(ns: Namespace) -> None:
    body = configmap()
    body["metadata"] = {"generateName": "settings-"}
    first, second = (ns.create("configmaps", body)["metadata"]["name"] for _ in range(2))
    assert first != second
    assert first.startswith("settings-")
    assert len(first) == len("settings-") + 5


def test_the_bounds_of_an_autoscaler_can_be_changed(ns: Namespace) -> None:
    ns.create("horizontalpodautoscalers", autoscaler(ns))
    body = {"spec": {"minReplicas": 2, "maxReplicas": 6}}
    for how in ("application/merge-patch+json", STRATEGIC):
        found = ns.patch("horizontalpodautoscalers", "web", body, how).ok()["spec"]
        assert (found["minReplicas"], found["maxReplicas"]) == (2, 6)
    assert found["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}


def test_a_maximum_below_the_minimum_is_422(ns: Namespace) -> None:
    ns.create("horizontalpodautoscalers", autoscaler(ns, 2, 5))
    answer = ns.patch("horizontalpodautoscalers", "web", {"spec": {"maxReplicas": 1}})
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"spec.maxReplicas"}
    assert ns.post("horizontalpodautoscalers", autoscaler(ns, 4, 3), dryRun="All").status == 422
    assert ns.read("horizontalpodautoscalers", "web")["spec"]["maxReplicas"] == 5


def test_an_autoscaler_needs_a_positive_maximum(ns: Namespace) -> None:
    answer = ns.post("horizontalpodautoscalers", autoscaler(ns, 1, 0))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert "spec.maxReplicas" in answer.causes


def test_the_bounds_of_an_autoscaler_can_be_tested(ns: Namespace) -> None:
    ns.create("horizontalpodautoscalers", autoscaler(ns))
    operations = [
        {"op": "test", "path": "/spec/maxReplicas", "value": 3},
        {"op": "replace", "path": "/spec/maxReplicas", "value": 4},
    ]
    assert ns.json_patch("horizontalpodautoscalers", "web", *operations).ok()["spec"]["maxReplicas"] == 4
    assert ns.json_patch("horizontalpodautoscalers", "web", *operations).status == 422
