"""Evictions and the budgets that refuse them."""

from typing import Any

from tests.contract.api import wait_for
from tests.contract.namespace import Namespace
from tests.contract.objects import container, deployment, pod
from tests.contract.versions import needs

OTHER_UID = "00000000-0000-4000-8000-000000000000"


def budget(ns: Namespace, name: str = "web", **spec: Any) -> None:
    """Create a budget for the pods of `web`, and wait until it has been looked at."""
    version = ns.path("poddisruptionbudgets").split("/")[3]
    body = {
        "apiVersion": f"policy/{version}",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
    }
    ns.create("poddisruptionbudgets", body)
    ns.wait(
        "poddisruptionbudgets",
        name,
        lambda found: found.get("status", {}).get("observedGeneration") == found["metadata"].get("generation", 1),
        "to be observed",
    )


def allowed(ns: Namespace, number: int) -> Any:
    """Wait until the budget allows a number of disruptions."""
    return ns.wait(
        "poddisruptionbudgets",
        "web",
        lambda found: found["status"].get("currentHealthy") and found["status"]["disruptionsAllowed"] == number,
        f"{number} disruptions allowed",
    )


def test_an_eviction_is_201_and_the_pod_goes(ns: Namespace) -> None:
    ns.create_pod(pod())
    answer = ns.evict("alone")
    assert answer.status == 201, answer
    assert (answer.body["kind"], answer.body["status"]) == ("Status", "Success")
    ns.wait_gone("pods", "alone")


def test_an_eviction_of_what_is_gone_is_404(ns: Namespace) -> None:
    answer = ns.evict("ghost")
    assert (answer.status, answer.reason) == (404, "NotFound")
    assert answer.body["details"]["name"] == "ghost"


def test_an_eviction_heeds_the_uid(ns: Namespace) -> None:
    found = ns.create_pod(pod())
    answer = ns.evict("alone", preconditions={"uid": OTHER_UID})
    assert (answer.status, answer.reason) == (409, "Conflict")
    assert "deletionTimestamp" not in ns.read("pods", "alone")["metadata"]
    assert ns.evict("alone", preconditions={"uid": found["metadata"]["uid"]}).status == 201
    ns.wait_gone("pods", "alone")


def test_a_budget_answers_429_and_keeps_the_pod(ns: Namespace) -> None:
    ns.deploy(deployment(replicas=2))
    budget(ns, minAvailable=2)
    allowed(ns, 0)
    name = ns.names("pods")[0]
    answer = ns.evict(name)
    assert (answer.status, answer.reason) == (429, "TooManyRequests")
    assert answer.body["kind"] == "Status"
    assert answer.body["details"]["causes"][0]["reason"] == "DisruptionBudget"
    assert "deletionTimestamp" not in ns.read("pods", name)["metadata"]


def test_a_budget_lets_one_pod_go_and_counts_it(ns: Namespace) -> None:
    ns.deploy(deployment(replicas=2))
    budget(ns, maxUnavailable=1)
    before = allowed(ns, 1)["status"]
    assert (before["currentHealthy"], before["desiredHealthy"], before["expectedPods"]) == (2, 1, 2)
    name = ns.names("pods")[0]
    assert ns.evict(name).status == 201
    ns.wait_gone("pods", name)
    allowed(ns, 1)
    assert ns.rolled_out("web")["status"]["availableReplicas"] == 2


def test_a_delete_does_not_ask_the_budget(ns: Namespace) -> None:
    ns.deploy(deployment(replicas=1))
    budget(ns, minAvailable=1)
    allowed(ns, 0)
    name = ns.names("pods")[0]
    assert ns.delete("pods", name).status == 200
    ns.wait_gone("pods", name)
    wait_for(lambda: ns.names("pods"), lambda names: len(names) == 1, what="the pod's replacement")


def test_a_budget_for_other_pods_does_not_matter(ns: Namespace) -> None:
    ns.deploy(deployment(replicas=1))
    budget(ns, minAvailable=1)
    ns.create_pod(pod())
    assert ns.evict("alone").status == 201


def test_two_budgets_for_one_pod_are_a_fault_of_the_server(ns: Namespace) -> None:
    ns.deploy(deployment())
    budget(ns, minAvailable=0)
    budget(ns, "second", minAvailable=0)
    name = ns.names("pods")[0]
    answer = ns.evict(name)
    assert answer.status == 500
    assert "more than one PodDisruptionBudget" in answer.body["message"]
    assert "deletionTimestamp" not in ns.read("pods", name)["metadata"]


def test_an_evicted_pod_says_why_it_goes(ns: Namespace) -> None:
    needs(ns.api, 26)
    body = pod(terminationGracePeriodSeconds=1)
    body["metadata"]["finalizers"] = ["example.com/hold"]
    ns.create_pod(body)
    ns.wait("pods", "alone", lambda found: found["status"]["phase"] == "Running", "to run")
    assert ns.evict("alone").status == 201
    found = ns.read("pods", "alone")
    assert found["metadata"]["deletionTimestamp"]
    conditions = {each["type"]: each for each in found["status"]["conditions"]}
    assert conditions["DisruptionTarget"]["status"] == "True"
    assert conditions["DisruptionTarget"]["reason"] == "EvictionByEvictionAPI"
    assert conditions["DisruptionTarget"]["message"] == "Eviction API: evicting"
    ns.patch("pods", "alone", {"metadata": {"finalizers": None}}).ok()
    ns.wait_gone("pods", "alone")


def test_a_dry_eviction_leaves_no_word_of_it(ns: Namespace) -> None:
    ns.create_pod(pod())
    ns.wait("pods", "alone", lambda found: found["status"]["phase"] == "Running", "to run")
    assert ns.evict("alone", dryRun=["All"]).status == 201
    conditions = ns.read("pods", "alone")["status"].get("conditions") or ()
    assert "DisruptionTarget" not in {each["type"] for each in conditions}


def unready(ns: Namespace) -> str:
    """A running pod of `web` that isn't ready, beside a budget that asks for more healthy ones than there are."""
    crashing = container(image="crash.invalid/probe:1")
    ns.create("deployments", deployment("web", crashing, replicas=1))
    name = ns.wait_names("pods", lambda names: len(names) == 1, "the pod")[0]
    ns.wait("pods", name, lambda found: found["status"]["phase"] == "Running", "to run")
    return name


def test_a_pod_that_is_not_ready_counts_against_its_budget(ns: Namespace) -> None:
    name = unready(ns)
    budget(ns, minAvailable=1)
    ns.wait("poddisruptionbudgets", "web", lambda found: found["status"].get("expectedPods") == 1, "to be counted")
    assert ns.evict(name).status == 429


def test_a_budget_may_let_go_of_what_is_not_ready(ns: Namespace) -> None:
    needs(ns.api, 27)
    name = unready(ns)
    budget(ns, minAvailable=1, unhealthyPodEvictionPolicy="AlwaysAllow")
    ns.wait("poddisruptionbudgets", "web", lambda found: found["status"].get("expectedPods") == 1, "to be counted")
    assert ns.evict(name).status == 201


def test_a_policy_for_unhealthy_pods_that_does_not_exist_is_422(ns: Namespace) -> None:
    needs(ns.api, 27)
    body = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
            "spec": {"minAvailable": 1, "selector": {}, "unhealthyPodEvictionPolicy": "Never"}}  # fmt: skip
    answer = ns.post("poddisruptionbudgets", body)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"spec.unhealthyPodEvictionPolicy"}
