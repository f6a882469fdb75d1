"""How pods fare, and what becomes of rollouts with them."""

from typing import Any

from sandbox.cluster import Behaviour, Conduct, SandboxCluster
from tests.contract.api import MERGE, Api, wait_for
from tests.contract.namespace import condition

WEB = "/apis/apps/v1/namespaces/staging/deployments/web"
PODS = "/api/v1/namespaces/staging/pods"


def with_image(api: Api, image: str, **spec: Any) -> None:
    container = {"name": "app", "image": image}
    body = {"spec": {**spec, "template": {"spec": {"containers": [container]}}}}
    api.request("PATCH", WEB, body, content_type=MERGE).ok()


def statuses(api: Api, image: str) -> list[Any]:
    pods = api.get(PODS, labelSelector="app=web").ok()["items"]
    found = [each for pod in pods for each in pod["status"].get("containerStatuses", ())]
    return [each for each in found if each["image"] == image]


def test_a_missing_image_ends_the_rollout_at_its_deadline_while_the_old_pod_serves(
    sandbox: SandboxCluster, api: Api
) -> None:
    with_image(api, "web:broken", progressDeadlineSeconds=1)
    found = wait_for(
        lambda: api.get(WEB).ok(),
        lambda each: condition(each, "Progressing").get("reason") == "ProgressDeadlineExceeded",
        what="the deadline",
    )
    assert condition(found, "Available")["status"] == "True"
    (status,) = statuses(api, "web:broken")
    assert status["state"]["waiting"]["reason"] == "ImagePullBackOff"
    with_image(api, "web:good", progressDeadlineSeconds=600)
    sandbox.settle()
    assert condition(api.get(WEB).ok(), "Progressing")["reason"] == "NewReplicaSetAvailable"


def test_a_crash_loop_counts_restarts(sandbox: SandboxCluster, api: Api) -> None:
    with_image(api, "web:crash")
    looping = wait_for(
        lambda: statuses(api, "web:crash"), lambda each: each and each[0]["restartCount"] > 1, what="restarts"
    )
    assert looping[0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert not looping[0]["ready"]


def test_a_behaviour_that_was_set_wins_over_the_image(sandbox: SandboxCluster, api: Api) -> None:
    sandbox.behaviours.add(Behaviour(conduct=Conduct.NORMAL, image="web:crash2"))
    with_image(api, "web:crash2")
    sandbox.settle()
    (status,) = statuses(api, "web:crash2")
    assert status["ready"]


def test_a_slow_pod_is_ready_later(sandbox: SandboxCluster, api: Api) -> None:
    sandbox.behaviours.add(Behaviour(conduct=Conduct.SLOW, image="web:late", seconds=0.5))
    with_image(api, "web:late")
    wait_for(lambda: statuses(api, "web:late"), lambda each: each and not each[0]["ready"], what="a start")
    wait_for(lambda: statuses(api, "web:late"), lambda each: each and each[0]["ready"], what="readiness")


def test_a_flapping_pod_comes_and_goes(sandbox: SandboxCluster, api: Api) -> None:
    sandbox.behaviours.add(Behaviour(conduct=Conduct.FLAPPING, image="web:restless", seconds=0.2))
    with_image(api, "web:restless")
    for wanted in (True, False, True):
        wait_for(
            lambda: statuses(api, "web:restless"),
            lambda each, wanted=wanted: each and each[0]["ready"] is wanted,
            what=f"ready: {wanted}",
        )


def test_a_failing_job_ends_at_its_back_off_limit(sandbox: SandboxCluster, api: Api) -> None:
    container = {"name": "main", "image": "task:fails"}
    spec = {"backoffLimit": 1, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "doomed"}, "spec": spec}
    api.request("POST", "/apis/batch/v1/namespaces/staging/jobs", body).ok()
    found = wait_for(
        lambda: api.get("/apis/batch/v1/namespaces/staging/jobs/doomed").ok(),
        lambda each: condition(each, "Failed"),
        what="the end",
    )
    assert condition(found, "Failed")["reason"] == "BackoffLimitExceeded"
    assert found["status"]["failed"] == 2
