"""What each verb makes of an object: kubectl's rules, as functions from values to values."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.actions.operation import (
    DeleteParameters,
    DrainParameters,
    MetadataParameters,
    ScaleParameters,
    SetEnvParameters,
    SetImageParameters,
    SetResourcesParameters,
)
from countersign.errors import PreflightRefused, TargetNotFound
from countersign.targets.kubernetes.change import difference
from countersign.targets.kubernetes.plan_delete import delete_options, eviction
from countersign.targets.kubernetes.plan_metadata import with_metadata
from countersign.targets.kubernetes.plan_node import cordoned, pods_to_evict
from countersign.targets.kubernetes.plan_scale import scaled
from countersign.targets.kubernetes.plan_template import (
    RESTARTED_AT,
    paused,
    restarted,
    resumed,
    with_env,
    with_images,
    with_resources,
)
from countersign.targets.kubernetes.plan_undo import REVISION, deployment_undone, revision_undone
from tests.targets.objects import deployment, owned, pod

AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
OF = "Deployment default/api"


def containers(live: Any) -> list[Any]:
    return live["spec"]["template"]["spec"]["containers"]


def with_variables(**values: str) -> dict[str, Any]:
    live = deployment()
    containers(live)[0]["env"] = [{"name": name, "value": value} for name, value in values.items()]
    return live


def test_a_restart_changes_nothing_but_its_annotation() -> None:
    live = deployment()
    found = difference(live, restarted(live, "Deployment", at=AT))
    (field,) = found.fields
    assert field.at.endswith("/annotations/" + RESTARTED_AT.replace("/", "~1"))
    assert field.after == "2026-05-01T12:00:00.000000Z"


def test_two_restarts_of_one_second_are_two() -> None:
    live = restarted(deployment(), "Deployment", at=AT)
    assert difference(live, restarted(live, "Deployment", at=AT + timedelta(milliseconds=1))).fields


@pytest.mark.parametrize(
    "change",
    [
        lambda live: restarted(live, "Deployment", at=AT),
        paused,
        resumed,
        lambda live: with_images(live, "Deployment", SetImageParameters((("*", "x:2"),)), of=OF),
        lambda live: with_env(live, "Deployment", SetEnvParameters((("A", "1"),), ("B",)), of=OF),
        lambda live: with_resources(live, "Deployment", SetResourcesParameters((("cpu", "1"),)), of=OF),
        lambda live: scaled(live, ScaleParameters(5), of=OF),
        lambda live: with_metadata(live, "labels", MetadataParameters((("a", "b"),)), of=OF),
        lambda live: cordoned(live, unschedulable=True),
    ],
)
def test_a_rule_leaves_the_live_object_alone_and_is_idempotent(change: Any) -> None:
    live = deployment()
    kept = deepcopy(live)
    wanted = change(live)
    assert live == kept
    assert difference(wanted, change(wanted)).fields == ()


def test_resume_takes_pause_back() -> None:
    assert difference(deployment(), resumed(paused(deployment()))).fields == ()


def test_a_star_is_every_container() -> None:
    wanted = with_images(deployment(), "Deployment", SetImageParameters((("*", "x:2"),)), of=OF)
    template = wanted["spec"]["template"]["spec"]
    assert [item["image"] for item in template["containers"] + template["initContainers"]] == ["x:2", "x:2"]


def test_an_unknown_container_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TargetNotFound) as caught:
        with_images(deployment(), "Deployment", SetImageParameters((("ap", "x:2"),)), of=OF)
    assert caught.value.candidates == ("app", "setup")


def test_variables_keep_their_order_and_new_ones_follow() -> None:
    live = with_variables(A="1", B="2", C="3")
    parameters = SetEnvParameters(set=(("D", "4"), ("B", "5")), remove=("A",), containers="app")
    env = containers(with_env(live, "Deployment", parameters, of=OF))[0]["env"]
    assert env == [{"name": "B", "value": "5"}, {"name": "C", "value": "3"}, {"name": "D", "value": "4"}]


def test_the_last_variable_leaves_no_empty_list() -> None:
    wanted = with_env(with_variables(A="1"), "Deployment", SetEnvParameters(remove=("A",)), of=OF)
    assert "env" not in containers(wanted)[0]


def test_a_variable_is_not_overwritten_when_that_is_switched_off() -> None:
    with pytest.raises(PreflightRefused):
        parameters = SetEnvParameters(set=(("A", "1"),), overwrite=False)
        with_env(with_variables(A="1"), "Deployment", parameters, of=OF)


@given(st.dictionaries(st.sampled_from("ABC"), st.sampled_from("123"), min_size=1))
def test_setting_variables_sets_exactly_those(values: dict[str, str]) -> None:
    live = with_variables(A="1", Z="9")
    parameters = SetEnvParameters(tuple(values.items()), containers="app")
    wanted = with_env(live, "Deployment", parameters, of=OF)
    env = {item["name"]: item["value"] for item in containers(wanted)[0]["env"]}
    assert env == {"A": "1", "Z": "9", **values}


def test_a_container_pattern_chooses_containers() -> None:
    wanted = with_env(deployment(), "Deployment", SetEnvParameters((("A", "1"),), containers="set*"), of=OF)
    assert "env" not in containers(wanted)[0]
    assert wanted["spec"]["template"]["spec"]["initContainers"][0]["env"] == [{"name": "A", "value": "1"}]


def test_resources_that_are_not_named_stay() -> None:
    live = deployment()
    containers(live)[0]["resources"] = {"limits": {"cpu": "1"}, "requests": {"memory": "1Mi"}}
    wanted = with_resources(live, "Deployment", SetResourcesParameters((("memory", "2Mi"),)), of=OF)
    assert containers(wanted)[0]["resources"] == {
        "limits": {"cpu": "1", "memory": "2Mi"},
        "requests": {"memory": "1Mi"},
    }


def test_scaling_from_another_number_is_refused() -> None:
    with pytest.raises(PreflightRefused, match="2 replicas"):
        scaled(deployment(), ScaleParameters(5, current_replicas=3), of=OF)


@pytest.mark.parametrize("section", ["labels", "annotations"])
def test_another_value_is_not_overwritten_unasked(section: Any) -> None:
    live = deployment()
    live["metadata"][section] = {"tier": "web"}
    with pytest.raises(PreflightRefused, match="tier") as caught:
        with_metadata(live, section, MetadataParameters((("tier", "db"),)), of=OF)
    assert "--overwrite" in str(caught.value.hint)


def test_the_same_value_is_already_so() -> None:
    live = deployment()
    live["metadata"]["labels"] = {"tier": "web"}
    assert difference(live, with_metadata(live, "labels", MetadataParameters((("tier", "web"),)), of=OF)).fields == ()


def history() -> list[Any]:
    def replica_set(revision: int, image: str) -> Any:
        template = deepcopy(deployment()["spec"]["template"])
        template["spec"]["containers"][0]["image"] = image
        template["metadata"]["labels"]["pod-template-hash"] = f"h{revision}"
        return {
            "metadata": {
                "name": f"api-h{revision}",
                "annotations": {REVISION: str(revision), "note": f"r{revision}"},
                "ownerReferences": owned("Deployment", "uid-api"),
            },
            "spec": {"template": template},
        }

    foreign = replica_set(9, "foreign:9")
    foreign["metadata"]["ownerReferences"] = owned("Deployment", "uid-other")
    return [replica_set(2, "app:0"), replica_set(1, "app:old"), replica_set(3, "app:1"), foreign]


@pytest.mark.parametrize(("to_revision", "image", "number"), [(None, "app:0", 2), (0, "app:0", 2), (1, "app:old", 1)])
def test_undo_takes_a_revisions_template_and_annotations(to_revision: int | None, image: str, number: int) -> None:
    wanted, revision = deployment_undone(deployment(), history(), to_revision, of=OF)
    assert revision == number
    assert containers(wanted)[0]["image"] == image
    assert "pod-template-hash" not in wanted["spec"]["template"]["metadata"]["labels"]
    assert wanted["metadata"]["annotations"] == {"note": f"r{number}"}


def test_undo_to_the_present_template_changes_nothing() -> None:
    live = deployment()
    live["metadata"]["annotations"] = {"mine": "stays"}
    assert difference(live, deployment_undone(live, history(), 3, of=OF)[0]).fields == ()


def test_undo_to_an_unknown_revision_lists_the_known_ones() -> None:
    with pytest.raises(TargetNotFound) as caught:
        deployment_undone(deployment(), history(), 9, of=OF)
    assert caught.value.candidates == ("1", "2", "3")


def test_undo_without_history_is_refused() -> None:
    with pytest.raises(TargetNotFound):
        deployment_undone(deployment(), history()[:1], None, of=OF)


def test_a_stateful_sets_history_is_its_controller_revisions() -> None:
    template = {**deployment()["spec"]["template"], "$patch": "replace"}
    template["spec"] = {"containers": [{"name": "app", "image": "app:0"}]}
    revisions = [
        {
            "revision": n,
            "metadata": {"ownerReferences": owned("x", "uid-api")},
            "data": {"spec": {"template": template}},
        }
        for n in (1, 2)
    ]
    wanted, revision = revision_undone(deployment(), revisions, None, of=OF)
    assert (revision, containers(wanted)[0]["image"]) == (1, "app:0")
    assert "$patch" not in wanted["spec"]["template"]


@pytest.mark.parametrize(
    ("parameters", "seconds"),
    [
        (DeleteParameters(), None),
        (DeleteParameters(grace_period_seconds=30), 30),
        (DeleteParameters(grace_period_seconds=0), 1),
        (DeleteParameters(grace_period_seconds=-1), None),
        (DeleteParameters(force=True), 0),
        (DeleteParameters(grace_period_seconds=0, force=True), 0),
    ],
)
def test_a_deletion_is_bound_to_the_uid_and_graceful_as_kubectl(
    parameters: DeleteParameters, seconds: int | None
) -> None:
    options = delete_options("u-1", parameters)
    assert options["preconditions"] == {"uid": "u-1"}
    assert options["propagationPolicy"] == "Background"
    assert options.get("gracePeriodSeconds") == seconds


def drained(pods: list[Any], **flags: bool) -> list[str]:
    parameters = DrainParameters(**flags)
    chosen = pods_to_evict(pods, parameters, daemon_sets=frozenset({("default", "uid-owner")}), node="n")
    return [item["metadata"]["name"] for item in chosen.evict]


def with_emptydir(item: Any) -> Any:
    item["spec"]["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    return item


def finished(item: Any) -> Any:
    item["status"]["phase"] = "Succeeded"
    return item


@pytest.mark.parametrize(
    ("item", "flag"),
    [
        (pod("x", owner="DaemonSet"), "--ignore-daemonsets"),
        (pod("x", owner=None), "--force"),
        (with_emptydir(pod("x")), "--delete-emptydir-data"),
        (pod("x", ownerReferences=owned("DaemonSet", "uid-gone")), "--force"),
    ],
)
def test_a_drain_refuses_what_needs_a_flag(item: Any, flag: str) -> None:
    with pytest.raises(PreflightRefused, match="default/x") as caught:
        drained([pod("a"), item])
    assert flag in str(caught.value.hint)


@pytest.mark.parametrize(
    ("item", "flags", "evicted"),
    [
        (pod("x"), {}, ["x"]),
        (pod("x", owner="DaemonSet"), {"ignore_daemonsets": True}, []),
        (pod("x", ownerReferences=owned("DaemonSet", "uid-gone")), {"force": True}, ["x"]),
        (pod("x", owner=None), {"force": True}, ["x"]),
        (with_emptydir(pod("x")), {"delete_emptydir_data": True}, ["x"]),
        (finished(with_emptydir(pod("x", owner=None))), {}, ["x"]),
        (pod("x", annotations={"kubernetes.io/config.mirror": "h"}), {}, []),
        (pod("x", deletionTimestamp="2026-05-01T12:00:00Z"), {}, []),
    ],
)
def test_a_drain_evicts_what_it_may(item: Any, flags: dict[str, bool], evicted: list[str]) -> None:
    assert drained([item], **flags) == evicted


def test_an_eviction_is_bound_to_the_pods_uid() -> None:
    body = eviction(pod("x"), version="v1beta1", grace_period_seconds=5)
    assert body["apiVersion"] == "policy/v1beta1"
    assert body["deleteOptions"]["preconditions"] == {"uid": "uid-x"}
    assert body["deleteOptions"]["gracePeriodSeconds"] == 5
