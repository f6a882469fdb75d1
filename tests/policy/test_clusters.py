"""What of the policy holds on which cluster."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from countersign.policy.checks import PlanFacts, RequestFacts, check_place, check_plan
from countersign.policy.document import Policy
from countersign.policy.loading import load_policy
from countersign.policy.risk import RiskLevel

NOW = datetime(2026, 12, 24, tzinfo=UTC)
WINDOW = "start: 2026-12-20T00:00:00Z\n    end: 2027-01-03T00:00:00Z\n    reason: closing"


def frozen(policy: Policy, cluster: str | None, *, namespace: str | None = None, host: str | None = None) -> bool:
    facts = RequestFacts("restart", RiskLevel.MEDIUM, namespace=namespace, host=host)
    return not all(check.passed for check in check_place(policy.at_cluster(cluster), facts, NOW))


def test_a_window_over_a_cluster_freezes_it_whole_and_nothing_else() -> None:
    policy = load_policy(f"freeze_windows:\n  - {WINDOW}\n    clusters: ['prod*']\n")
    assert frozen(policy, "prod-eu", namespace="web")
    assert frozen(policy, "prod-eu"), "a node has no namespace"
    assert not frozen(policy, "staging", namespace="web")
    assert not frozen(policy, None, host="prod-1")


def test_a_window_over_namespaces_of_a_cluster_and_over_hosts() -> None:
    rest = "clusters: [prod]\n    namespaces: [web]\n    hosts: ['db-*']"
    policy = load_policy(f"freeze_windows:\n  - {WINDOW}\n    {rest}\n")
    assert frozen(policy, "prod", namespace="web")
    assert not frozen(policy, "prod", namespace="api")
    assert not frozen(policy, "staging", namespace="web")
    assert frozen(policy, None, host="db-1")
    assert not frozen(policy, None, host="web-1")


def test_a_window_over_a_cluster_and_hosts_freezes_both() -> None:
    policy = load_policy(f"freeze_windows:\n  - {WINDOW}\n    clusters: [prod]\n    hosts: ['db-*']\n")
    assert frozen(policy, "prod", namespace="web")
    assert frozen(policy, None, host="db-1")
    assert not frozen(policy, "staging", namespace="web")


def test_a_window_without_clusters_holds_everywhere() -> None:
    policy = load_policy(f"freeze_windows:\n  - {WINDOW}\n    namespaces: [web]\n")
    assert frozen(policy, "prod", namespace="web")
    assert frozen(policy, "staging", namespace="web")
    assert frozen(policy, None, namespace="web")


PER_CLUSTER = """
max_scale_to: 50
max_affected_pods: 40
per_cluster:
  - clusters: [prod-canary]
    max_scale_to: null
  - clusters: ["prod*"]
    max_scale_to: 10
    minimum_signatures: {low: 2}
    protected_namespaces: [payments]
"""


@pytest.mark.parametrize(
    ("cluster", "most"), [("prod-eu", 10), ("prod-canary", None), ("staging", 50), (None, 50), ("PROD", 10)]
)
def test_each_cluster_has_its_own_limits(cluster: str | None, most: int | None) -> None:
    policy = load_policy(PER_CLUSTER).at_cluster(cluster)
    assert policy.max_scale_to == most
    assert policy.max_affected_pods == 40, "what the rule leaves out keeps the general value"
    facts = PlanFacts("scale", current_replicas=9, wanted_replicas=11, affected_pods=1)
    assert all(check.passed for check in check_plan(policy, facts)) == (most is None or most >= 11)


def test_a_cluster_has_its_own_signatures_and_protected_namespaces() -> None:
    policy = load_policy(PER_CLUSTER)
    assert policy.at_cluster("prod-eu").required_signatures(RiskLevel.LOW, 1) == 2
    assert policy.at_cluster("staging").required_signatures(RiskLevel.LOW, 1) == 1
    assert frozen(policy, "prod-eu", namespace="payments")
    assert not frozen(policy, "staging", namespace="payments")
    assert not frozen(policy, "prod-eu", namespace="kube-system"), "a list of the rule replaces the general one"


def test_rollback_and_probes_may_be_for_some_clusters_alone() -> None:
    policy = load_policy(
        "rollback: {operations: [scale], clusters: [staging]}\n"
        "probes:\n  - {name: up, http: {url: 'https://a.example.com'}, clusters: [prod]}\n"
    )
    assert policy.at_cluster("staging").rollback.allows("scale", ("web",))
    assert not policy.at_cluster("prod").rollback.allows("scale", ("web",))
    assert not policy.at_cluster(None).rollback.allows("scale", (None,))
    assert [probe.name for probe in policy.at_cluster("prod").probes] == ["up"]
    assert policy.at_cluster("staging").probes == ()
    assert policy.at_cluster(None).probes == ()


def test_a_rule_for_no_cluster_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="holds nowhere"):
        Policy.model_validate({"per_cluster": [{"clusters": []}]})
