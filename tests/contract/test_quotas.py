"""ResourceQuotas: what a namespace may not have beyond."""

from typing import Any

from tests.contract.api import wait_for
from tests.contract.namespace import Namespace, condition
from tests.contract.objects import container, deployment, pod
from tests.contract.versions import minor, needs


def quota(ns: Namespace, **hard: str) -> None:
    """Set limits, and wait until they are counted; the oldest control plane has no controller that does."""
    ns.create(
        "resourcequotas",
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "limits"}, "spec": {"hard": hard}},
    )
    if minor(ns.api) < 36:
        status = {"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
        ns.patch("resourcequotas", "limits", status, subresource="status").ok()
    ns.wait("resourcequotas", "limits", lambda found: found["status"].get("hard") == hard, "to be counted")


def test_what_exceeds_a_quota_is_403(ns: Namespace) -> None:
    quota(ns, pods="1")
    ns.create_pod(pod("one"))

    def second() -> Any:
        return ns.post("pods", pod("two"), dryRun="All")

    answer = wait_for(second, lambda got: got.status == 403, what="the quota to be full")
    assert answer.reason == "Forbidden"
    why = "exceeded quota: limits, requested: pods=1, used: pods=1, limited: pods=1"
    assert answer.body["message"] == f'pods "two" is forbidden: {why}'
    assert ns.names("pods") == ["one"]


def test_a_quota_of_memory_needs_every_container_to_say_its_share(ns: Namespace) -> None:
    needs(ns.api, 26)
    ns.create_pod(pod("earlier"))
    quota(ns, **{"limits.memory": "1Gi"})
    answer = ns.post("pods", pod("one"))
    assert (answer.status, answer.reason) == (403, "Forbidden")
    assert answer.body["message"].endswith("failed quota: limits: must specify limits.memory for: app")
    big = pod("big", containers=[container(resources={"limits": {"memory": "2Gi"}})])
    answer = ns.post("pods", big)
    why = "exceeded quota: limits, requested: limits.memory=2Gi, used: limits.memory=0, limited: limits.memory=1Gi"
    assert answer.body["message"] == f'pods "big" is forbidden: {why}'
    small = pod("small", containers=[container(resources={"limits": {"memory": "64Mi"}})])
    assert ns.post("pods", small).status == 201


def test_a_deployment_says_that_its_pods_are_refused(ns: Namespace) -> None:
    ns.create_pod(pod("earlier"))
    quota(ns, pods="0")
    ns.create("deployments", deployment())
    found = ns.wait(
        "deployments", "web", lambda each: condition(each, "ReplicaFailure").get("status") == "True", "to say so"
    )
    assert condition(found, "ReplicaFailure")["reason"] == "FailedCreate"
    assert "exceeded quota: limits" in condition(found, "ReplicaFailure")["message"]
