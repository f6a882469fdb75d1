"""What a patch names is what is sent, and what the server would not store is told before anything is sent."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.actions.operation import PatchParameters, PatchType
from countersign.targets.kubernetes.change import as_answered, difference, shows
from countersign.targets.kubernetes.dropping import dropped
from countersign.targets.kubernetes.fields import unknown_fields
from countersign.targets.kubernetes.patching import not_as_named, same, with_patch
from tests.targets.objects import deployment

STRATEGIC, MERGE, JSON = PatchType.STRATEGIC, PatchType.MERGE, PatchType.JSON


def patch(kind: PatchType, body: Any) -> PatchParameters:
    return PatchParameters(kind, json.dumps(body))


def service(**spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}, {"name": "admin", "port": 81}]
    metadata = {"name": "web", "namespace": "prod", "uid": "u"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"type": "ClusterIP", "ports": ports, **spec}}  # fmt: skip


def allocated(live: dict[str, Any]) -> dict[str, Any]:
    """What a dry run answers: every port has the dummy number."""
    answered = deepcopy(live)
    answered["spec"]["type"] = "NodePort"
    for port in answered["spec"]["ports"]:
        port["nodePort"] = 32769
    answered["spec"]["externalTrafficPolicy"] = "Cluster"
    return answered


@pytest.mark.parametrize(
    "parameters",
    [
        patch(STRATEGIC, {"spec": {"type": "NodePort"}}),
        patch(MERGE, {"spec": {"type": "NodePort"}}),
        patch(JSON, [{"op": "replace", "path": "/spec/type", "value": "NodePort"}]),
        patch(STRATEGIC, {"spec": {"type": "NodePort", "ports": [{"port": 80, "targetPort": 8080}]}}),
    ],
)
def test_what_the_server_allocates_in_a_dry_run_is_not_sent(parameters: PatchParameters) -> None:
    live = service()
    found = difference(live, with_patch(live, allocated(live), parameters))
    assert [field.at for field in found.fields] == ["/spec/type"]


def test_a_new_list_item_has_what_its_part_of_the_patch_names() -> None:
    live = service()
    answered = deepcopy(live)
    answered["spec"]["ports"].append({"name": "alt", "port": 82, "protocol": "TCP", "nodePort": 32769})
    wanted = with_patch(live, answered, patch(STRATEGIC, {"spec": {"ports": [{"port": 82, "name": "alt"}]}}))
    assert wanted["spec"]["ports"] == [*live["spec"]["ports"], {"name": "alt", "port": 82}]


def test_an_item_with_two_names_is_found_by_its_merge_key() -> None:
    mounts = [{"name": "data", "mountPath": "/x", "readOnly": True}]
    live = {"spec": {"volumeMounts": mounts}}
    answered = {"spec": {"volumeMounts": [*mounts, {"name": "data", "mountPath": "/y"}]}}
    body = {"spec": {"volumeMounts": [{"name": "data", "mountPath": "/y"}]}}
    assert with_patch(live, answered, patch(STRATEGIC, body)) == answered


def test_names_that_are_there_twice_keep_their_order() -> None:
    env = [{"name": "LEVEL", "value": "info"}, {"name": "OTHER", "value": "1"}, {"name": "LEVEL", "value": "debug"}]
    live = {"spec": {"env": env}}
    answered = deepcopy(live)
    answered["spec"]["env"][1]["value"] = "2"
    body = {"spec": {"env": [{"name": "OTHER", "value": "2"}]}}
    assert with_patch(live, answered, patch(STRATEGIC, body)) == answered


def test_a_port_for_udp_is_not_the_one_for_tcp() -> None:
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
    live = {"spec": {"ports": ports}}
    answered = {"spec": {"ports": [*ports, {"name": "metrics", "port": 9153, "protocol": "TCP"}]}}
    body = {"spec": {"ports": [{"port": 9153, "name": "metrics"}]}}
    assert with_patch(live, answered, patch(STRATEGIC, body))["spec"]["ports"] == [
        *ports,
        {"port": 9153, "name": "metrics"},
    ]
    parameters = patch(MERGE, {"spec": {"ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]}})
    assert dropped(live, with_patch(live, live, parameters), parameters) == ("spec.ports[port=53/TCP]",)


def test_of_an_added_item_only_what_is_sent_is_waited_for() -> None:
    live = service()
    answered = deepcopy(live)
    answered["spec"]["ports"].append({"name": "alt", "port": 82, "protocol": "TCP", "nodePort": 32769})
    wanted = with_patch(live, answered, patch(STRATEGIC, {"spec": {"ports": [{"port": 82, "name": "alt"}]}}))
    (field,) = as_answered(difference(live, wanted).fields, answered)
    assert field.after == {"name": "alt", "port": 82}
    answered["spec"]["ports"][-1]["nodePort"] = 30001
    assert shows(answered, field.at, field.after)
    assert not shows(live, field.at, field.after)


def test_what_a_directive_is_about_is_taken_whole() -> None:
    live = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    answered = {"spec": {"strategy": {"type": "Recreate"}}}
    body = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert with_patch(live, answered, patch(STRATEGIC, body)) == answered


@pytest.mark.parametrize(
    ("body", "shown", "nearest"),
    [
        ({"spec": {"replica": 5}}, "spec.replica", "spec.replicas"),
        ({"spec": {"replica": None}}, "spec.replica", "spec.replicas"),
        ({"spec": {"replicas": 4, "minReadySecond": 10}}, "spec.minReadySecond", "spec.minReadySeconds"),
        ({"spec": {"template": {"spec": {"container": []}}}}, "spec.template.spec.container",
         "spec.template.spec.containers"),
        ({"spec": {"template": {"spec": {"containers": [{"name": "app", "imagePullPolice": "Always"}]}}}},
         "spec.template.spec.containers.imagePullPolice", "spec.template.spec.containers.imagePullPolicy"),
        ({"{“spec”": 1}, "{“spec”", None),
    ],
)  # fmt: skip
def test_a_field_that_the_kind_does_not_have_is_named_with_the_nearest(body: Any, shown: str, nearest: str) -> None:
    (found,) = unknown_fields(body, deployment())
    assert (found.shown, found.nearest) == (shown, nearest or found.nearest)


def test_a_field_of_a_newer_server_is_no_unknown_field() -> None:
    assert unknown_fields({"spec": {"brandNew": 1}}, deployment(), deployment(brandNew=1)) == ()


def test_labels_annotations_and_data_have_any_names() -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    assert unknown_fields({"data": {"a": "1"}, "metadata": {"labels": {"b": "c"}}}, config) == ()
    assert unknown_fields({"spec": {"a": 1}}, {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}) == ()


@pytest.mark.parametrize(
    ("parameters", "answered", "missing"),
    [
        (patch(STRATEGIC, {"spec": {"replica": 5}}), deployment(), ["spec.replica"]),
        (patch(MERGE, {"spec": {"replicas": 5}}), deployment(), ["spec.replicas"]),
        (patch(MERGE, {"spec": {"replicas": 2}}), deployment(), []),
        (patch(JSON, [{"op": "add", "path": "/spec/replica", "value": 5}]), deployment(), ["spec.replica"]),
        (patch(JSON, [{"op": "add", "path": "/metadata/labels/a~1b", "value": "c"}]),
         {"metadata": {"labels": {"a/b": "c"}}}, []),
        (patch(STRATEGIC, {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "app:2"}]}}}}),
         deployment(), ["spec.template.spec.containers[name=app].image"]),
        (patch(STRATEGIC, {"metadata": {"finalizers": ["b"]}}), {"metadata": {"finalizers": ["a", "b"]}}, []),
        (patch(MERGE, {"metadata": {"finalizers": ["b"]}}), {"metadata": {"finalizers": ["a", "b"]}},
         ["metadata.finalizers"]),
        (patch(MERGE, {"metadata": {"finalizers": None}}), {"metadata": {}}, []),
        (patch(STRATEGIC, {"spec": {"strategy": {"$patch": "replace", "type": "Recreate"}}}), deployment(),
         ["spec.strategy.type"]),
        (patch(MERGE, {"spec": {"ports": [{"port": 53, "protocol": "UDP", "name": "a"}, {"port": 53, "name": "b"}]}}),
         {"spec": {"ports": [{"port": 53, "protocol": "UDP", "name": "a"}, {"port": 53, "name": "b"}]}}, []),
        (patch(STRATEGIC, {"spec": {"ports": [{"port": 53, "protocol": "TCP", "name": "c"}]}}),
         {"spec": {"ports": [{"port": 53, "protocol": "UDP", "name": "a"},
                             {"port": 53, "protocol": "TCP", "name": "b"}]}},
         ["spec.ports[port=53/TCP].name"]),
        (patch(JSON, [{"op": "add", "path": "/spec/args/-", "value": "x"}]), {"spec": {"args": ["a", "x"]}}, []),
        (patch(JSON, [{"op": "add", "path": "/data/1", "value": "x"}]), {"data": {"1": "x"}}, []),
        (patch(MERGE, {}), deployment(), []),
        (patch(MERGE, {"spec": {"template": {}}}), deployment(), []),
        (patch(STRATEGIC, {"spec": {"volumes": [{"name": "v", "$patch": "delete"}]}}), deployment(), []),
        (patch(MERGE, {"spec": {"unschedulable": False, "replicas": 0, "args": []}}), {"spec": {}}, []),
        (patch(MERGE, {"spec": {"unschedulable": False}}), {"spec": {"unschedulable": True}}, ["spec.unschedulable"]),
    ],
)  # fmt: skip
def test_what_the_answer_does_not_have_is_named(
    parameters: PatchParameters, answered: Any, missing: list[str]
) -> None:
    assert [leaf.shown for leaf in not_as_named(answered, parameters)] == missing


@pytest.mark.parametrize(("found", "wanted"), [("1", "1000m"), (1, "1"), ("1Gi", "1024Mi"), (["1"], ["1000m"])])
def test_a_quantity_is_the_same_however_it_is_written(found: Any, wanted: Any) -> None:
    assert same(found, wanted)


@pytest.mark.parametrize(("found", "wanted"), [("a", "b"), (True, 1), ("1", "2"), ([], ["1"]), (None, 0)])
def test_other_values_are_not_the_same(found: Any, wanted: Any) -> None:
    assert not same(found, wanted)


def test_a_merge_patch_that_leaves_out_a_container_says_what_goes() -> None:
    live = deployment()
    containers = live["spec"]["template"]["spec"]["containers"]
    containers[0] |= {"env": [{"name": "A", "value": "1"}], "ports": [{"containerPort": 80}]}
    containers.append({"name": "sidecar", "image": "s:1"})
    parameters = patch(MERGE, {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "app:2"}]}}}})
    wanted = with_patch(live, live, parameters)
    at = "spec.template.spec.containers"
    assert dropped(live, wanted, parameters) == (
        f"{at}[name=app].env",
        f"{at}[name=app].ports",
        f"{at}[name=sidecar]",
    )
    assert dropped(live, wanted, patch(STRATEGIC, {})) == ()


VALUES = st.recursive(
    st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


def _overlaid(live: Any, body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    below = live if isinstance(live, dict) else {}
    return {**below, **{key: _overlaid(below.get(key), value) for key, value in body.items()}}


@given(live=OBJECTS, body=OBJECTS, added=st.integers())
def test_nothing_is_taken_from_the_answer_but_what_the_patch_names(live: Any, body: Any, added: int) -> None:
    answered = {**_overlaid(live, body), "allocated": added}
    wanted = _overlaid(live, body)
    for kind in (STRATEGIC, MERGE):
        assert with_patch(live, answered, patch(kind, body)) == wanted
