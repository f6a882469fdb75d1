"""What the contract's stand-in kubelet reports of pods."""

from typing import Any

import pytest

from tests.contract.control_plane.pod_status import differs, running_status, terminated_status

NOON, LATER = "2026-01-01T12:00:00Z", "2026-01-01T12:05:00Z"


def pod(*images: str, init: tuple[tuple[str, str | None], ...] = (), **spec: Any) -> dict[str, Any]:
    """A pod with app containers a, b, … of these images, and init containers i0, i1, … with restart policies."""
    inits = [
        {"name": f"i{number}", "image": image, **({"restartPolicy": policy} if policy else {})}
        for number, (image, policy) in enumerate(init)
    ]
    apps = [{"name": name, "image": image} for name, image in zip("abc", images, strict=False)]
    return {"metadata": {"generation": 1}, "spec": {"initContainers": inits, "containers": apps, **spec}}


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


def reasons(status: dict[str, Any], key: str = "containerStatuses") -> list[str]:
    """The reason of each state, or the state's name where it has none."""
    return [next(iter(each["state"].values())).get("reason") or next(iter(each["state"])) for each in status[key]]


def ready(status: dict[str, Any]) -> tuple[int, int]:
    """The READY column of kubectl: sidecars count, other init containers do not."""
    sidecars = [
        each for each in status.get("initContainerStatuses", []) if each["started"] or "waiting" in each["state"]
    ]
    counted = [*sidecars, *status["containerStatuses"]]
    return sum(each["ready"] for each in counted), len(counted)


def test_a_pod_runs_and_is_ready() -> None:
    status = running_status(pod("app:1", "app:2"), NOON)
    assert (status["phase"], ready(status), reasons(status)) == ("Running", (2, 2), ["running", "running"])
    assert set(conditions(status).values()) == {("True", None)}


def test_an_image_that_cannot_be_pulled_keeps_the_pod_pending() -> None:
    status = running_status(pod("app:1", "bad:1"), NOON)
    assert (status["phase"], ready(status)) == ("Pending", (1, 2))
    assert reasons(status) == ["running", "ImagePullBackOff"]
    found = conditions(status)
    assert found["Initialized"] == ("True", None)
    assert found["Ready"] == found["ContainersReady"] == ("False", "ContainersNotReady")


@pytest.mark.parametrize(
    ("policy", "phase", "reason"),
    [
        ("Always", "Running", "CrashLoopBackOff"),
        ("OnFailure", "Running", "CrashLoopBackOff"),
        ("Never", "Failed", "Error"),
    ],
)
def test_a_crash_is_tried_again_as_the_policy_says(policy: str, phase: str, reason: str) -> None:
    status = running_status(pod("crash:1", restartPolicy=policy), NOON)
    assert (status["phase"], reasons(status)) == (phase, [reason])
    assert conditions(status)["Ready"][0] == "False"


def test_a_pod_with_one_crashing_container_is_running_and_not_ready() -> None:
    status = running_status(pod("app:1", "crash:1"), NOON)
    assert (status["phase"], ready(status)) == ("Running", (1, 2))
    assert status["containerStatuses"][1]["restartCount"] > 0
    assert status["containerStatuses"][1]["lastState"]["terminated"]["exitCode"] == 1


def test_init_containers_end_before_the_others_start() -> None:
    status = running_status(pod("app:1", init=(("setup:1", None),)), NOON)
    assert reasons(status, "initContainerStatuses") == ["Completed"]
    assert (status["phase"], ready(status)) == ("Running", (1, 1))


@pytest.mark.parametrize(("image", "reason"), [("bad:1", "ImagePullBackOff"), ("crash:1", "CrashLoopBackOff")])
def test_an_init_container_that_does_not_end_holds_the_others_up(image: str, reason: str) -> None:
    status = running_status(pod("app:1", init=((image, None), ("setup:1", None))), NOON)
    assert reasons(status, "initContainerStatuses") == [reason, "PodInitializing"]
    assert (status["phase"], reasons(status)) == ("Pending", ["PodInitializing"])
    assert conditions(status)["Initialized"] == ("False", "ContainersNotInitialized")


def test_an_init_container_that_may_not_be_tried_again_fails_the_pod() -> None:
    status = running_status(pod("app:1", init=(("crash:1", None),), restartPolicy="Never"), NOON)
    assert (status["phase"], reasons(status, "initContainerStatuses")) == ("Failed", ["Error"])


def test_a_sidecar_runs_beside_the_others_and_counts() -> None:
    status = running_status(pod("app:1", init=(("proxy:1", "Always"), ("setup:1", None))), NOON)
    assert reasons(status, "initContainerStatuses") == ["running", "Completed"]
    assert (status["phase"], ready(status)) == ("Running", (2, 2))


def test_a_crashing_sidecar_makes_the_pod_unready_and_holds_nobody_up() -> None:
    status = running_status(pod("app:1", init=(("crash:1", "Always"),)), NOON)
    assert (status["phase"], ready(status)) == ("Running", (1, 2))
    assert conditions(status)["Ready"] == ("False", "ContainersNotReady")


def test_a_sidecar_that_cannot_be_pulled_holds_the_others_up() -> None:
    status = running_status(pod("app:1", init=(("bad:1", "Always"),)), NOON)
    assert (status["phase"], reasons(status)) == ("Pending", ["PodInitializing"])


def test_a_second_look_changes_nothing() -> None:
    for one in (pod("app:1", "crash:1", init=(("proxy:1", "Always"), ("setup:1", None))), pod("bad:1")):
        first = running_status(one, NOON)
        assert differs(first, {})
        assert not differs(running_status({**one, "status": first}, LATER), first)


def test_another_image_starts_the_container_again() -> None:
    status = running_status({**pod("app:2"), "status": running_status(pod("app:1"), NOON)}, LATER)
    (app,) = status["containerStatuses"]
    assert (app["restartCount"], app["state"]["running"]["startedAt"]) == (1, LATER)
    assert status["startTime"] == NOON


def test_a_condition_that_turns_says_when_and_loses_its_reason() -> None:
    before = running_status(pod("bad:1"), NOON)
    after = running_status({**pod("app:1"), "status": before}, LATER)
    turned = {each["type"]: each["lastTransitionTime"] for each in after["conditions"]}
    assert (turned["Ready"], turned["Initialized"]) == (LATER, NOON)
    assert conditions(after)["Ready"] == ("True", None)


def test_a_deleted_pod_ends_before_it_goes() -> None:
    one = pod("app:1", init=(("proxy:1", "Always"),))
    status = terminated_status({**one, "status": running_status(one, NOON)}, LATER)
    assert (status["phase"], reasons(status), ready(status)[0]) == ("Succeeded", ["Completed"], 0)
    assert conditions(status)["Ready"] == ("False", "PodCompleted")


def test_a_deleted_pod_that_never_ran_has_failed() -> None:
    one = pod("bad:1")
    status = terminated_status({**one, "status": running_status(one, NOON)}, LATER)
    assert (status["phase"], reasons(status)) == ("Failed", ["ContainerStatusUnknown"])
