"""What the policy answers to a request, to a plan and to preflight's findings."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.errors import KillSwitchOn, PolicyRefused, PreflightRefused
from countersign.policy import (
    PlanFacts,
    Policy,
    Question,
    RequestFacts,
    RiskLevel,
    check_disturbed,
    check_place,
    check_plan,
    check_request,
    decide_findings,
    enforce,
)
from countersign.policy.operations import OPERATIONS
from countersign.texts import read_in

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
RESTART = RequestFacts("restart", RiskLevel.LOW, namespace="prod", recent_actions=0)
FROZEN = {"reason": "inventory.", "days": ["wed"], "from": "10:00", "to": "14:00"}


def policy(**fields: object) -> Policy:
    return Policy.model_validate(fields)


def failed(checks: tuple) -> set[Question]:
    return {check.name for check in checks if not check.passed}


@dataclass(frozen=True)
class Finding:
    severity: str
    code: str
    message: str = "The budget allows no disruption."


def test_an_ordinary_restart_passes_the_default_policy() -> None:
    checks = check_request(Policy(), RESTART, NOW)
    enforce(checks)
    assert [check.name for check in checks] == [
        Question.KILL_SWITCH,
        Question.OPERATION,
        Question.PROTECTED,
        Question.FREEZE_WINDOW,
        Question.RATE,
    ]


@pytest.mark.parametrize(
    ("given_policy", "facts"),
    [(policy(kill_switch=True), RESTART), (Policy(), replace(RESTART, kill_switch="losing nodes"))],
)
def test_the_kill_switch_refuses_everything(given_policy: Policy, facts: RequestFacts) -> None:
    for operation in OPERATIONS:
        with pytest.raises(KillSwitchOn):
            enforce(check_request(given_policy, replace(facts, operation=operation), NOW))


@pytest.mark.parametrize("namespace", ["kube-system", "KUBE-SYSTEM", "kube-public"])
def test_a_protected_namespace_is_read_but_not_changed(namespace: str) -> None:
    with pytest.raises(PolicyRefused, match="is protected"):
        enforce(check_request(Policy(), replace(RESTART, namespace=namespace), NOW))
    enforce(check_request(Policy(), replace(RESTART, namespace=namespace, operation="investigate"), NOW))


def test_a_protected_host_is_diagnosed_but_not_changed() -> None:
    facts = RequestFacts("ssh_systemctl_restart", RiskLevel.LOW, host="DB-1")
    with pytest.raises(PolicyRefused, match="host DB-1 is protected"):
        enforce(check_request(policy(protected_hosts=["db-*"]), facts, NOW))
    enforce(check_request(policy(protected_hosts=["db-*"]), replace(facts, operation="ssh_diagnose"), NOW))


def test_a_freeze_stops_changes_in_its_scope_only() -> None:
    frozen = policy(freeze_windows=[FROZEN | {"namespaces": ["prod"]}])
    with pytest.raises(PolicyRefused, match="a freeze is on: inventory") as caught:
        enforce(check_request(frozen, RESTART, NOW))
    assert caught.value.hint == "file it again after 14:00 UTC, or have it wait: --wait-for-window"
    assert (caught.value.passing, caught.value.passes_at) == (True, NOW.replace(hour=14, minute=0, second=0))
    enforce(check_request(frozen, replace(RESTART, namespace="staging"), NOW))
    enforce(check_request(frozen, replace(RESTART, operation="investigate"), NOW))
    enforce(check_request(frozen, RESTART, NOW.replace(hour=14)))


def test_draining_a_node_is_stopped_by_the_freeze_of_a_namespace_that_it_disturbs() -> None:
    frozen = policy(freeze_windows=[FROZEN | {"namespaces": ["prod"]}])
    assert not failed(check_request(frozen, RequestFacts("drain", RiskLevel.MEDIUM), NOW))
    assert failed(check_disturbed(frozen, ["kube-system", "prod"], NOW)) == {Question.FREEZE_WINDOW}
    assert not failed(check_disturbed(frozen, ["kube-system", "staging"], NOW))


@pytest.mark.parametrize("operation", ["delete", "drain", "patch", "ssh_docker_prune"])
def test_what_takes_something_away_is_not_low_risk(operation: str) -> None:
    facts = RequestFacts(operation, RiskLevel.LOW, namespace="prod")
    with pytest.raises(PolicyRefused, match="low risk") as caught:
        enforce(check_request(Policy(), facts, NOW))
    assert "medium" in (caught.value.hint or "")
    enforce(check_request(Policy(), replace(facts, risk_level=RiskLevel.MEDIUM), NOW))


def test_the_auto_approver_alone_decides_only_its_operations() -> None:
    scale = replace(RESTART, operation="scale")
    enforce(check_request(Policy(), scale, NOW))
    with pytest.raises(PolicyRefused, match="auto-approver"):
        enforce(check_request(Policy(), replace(scale, automatic=True), NOW))
    enforce(check_request(Policy(), replace(RESTART, automatic=True), NOW))


@given(limit=st.none() | st.integers(1, 50), recent=st.integers(0, 60))
def test_the_rate_limit_allows_exactly_its_number(limit: int | None, recent: int) -> None:
    checks = check_request(
        policy(max_actions_per_target_and_hour=limit), replace(RESTART, recent_actions=recent), NOW
    )
    assert (Question.RATE in failed(checks)) is (limit is not None and recent >= limit)


def test_every_reason_is_in_one_refusal() -> None:
    strict = policy(freeze_windows=[FROZEN], max_actions_per_target_and_hour=1)
    facts = RequestFacts("delete", RiskLevel.LOW, namespace="kube-system", recent_actions=3)
    with pytest.raises(PolicyRefused) as caught:
        enforce(check_request(strict, facts, NOW))
    for part in ("delete", "kube-system", "inventory", "3 actions"):
        assert part in caught.value.message
    with pytest.raises(KillSwitchOn, match="kube-system"):
        enforce(check_request(strict, replace(facts, kill_switch=""), NOW))


@given(current=st.integers(0, 500), wanted=st.integers(0, 500), factor=st.integers(1, 10))
def test_scaling_up_is_bounded_by_the_factor_and_down_is_not(current: int, wanted: int, factor: int) -> None:
    checks = check_plan(policy(max_scale_factor=factor, max_scale_to=None), PlanFacts("scale", None, current, wanted))
    too_much = wanted > current and wanted > max(current, 1) * factor
    assert (failed(checks) == {Question.SCALE_FACTOR}) is too_much


def test_a_large_workload_may_shrink_but_not_grow() -> None:
    limited = policy(max_scale_to=10)
    assert failed(check_plan(limited, PlanFacts("scale", 0, 20, 15))) == set()
    assert failed(check_plan(limited, PlanFacts("scale", 0, 20, 21))) == {Question.SCALE_TO}
    assert failed(check_plan(limited, PlanFacts("scale", 0, 5, 11))) == {Question.SCALE_TO}


def test_a_scale_whose_numbers_are_unknown_is_refused() -> None:
    assert failed(check_plan(Policy(), PlanFacts("scale"))) == {Question.SCALE_FACTOR, Question.SCALE_TO}
    assert failed(check_plan(Policy(), PlanFacts("scale", 0, None, 3))) == {Question.SCALE_FACTOR}
    assert failed(check_plan(Policy(), PlanFacts("restart"))) == set()


def test_more_pods_than_allowed_are_refused() -> None:
    assert failed(check_plan(policy(max_affected_pods=3), PlanFacts("drain", 4))) == {Question.AFFECTED_PODS}
    assert failed(check_plan(policy(max_affected_pods=3), PlanFacts("drain", 3))) == set()


def test_preflight_stops_on_blocking_findings() -> None:
    findings = [Finding("info", "note"), Finding("warning", "gitops"), Finding("blocking", "pdb")]
    checks = decide_findings(Policy(), findings)
    assert [check.passed for check in checks] == [True, True, False]
    with pytest.raises(PreflightRefused, match="pdb: The budget allows no disruption"):
        enforce(checks)


def test_the_policy_accepts_findings_and_blocks_on_others() -> None:
    lenient = policy(accepted_findings=["pdb*", "gitops"], blocking_findings=["gitops"])
    findings = [Finding("blocking", "pdb_no_headroom"), Finding("warning", "gitops")]
    assert [check.passed for check in decide_findings(lenient, findings)] == [True, False]


def test_the_place_is_asked_about_again_under_its_own_name() -> None:
    protected = policy(protected_hosts=["db-1"])
    by_address = RequestFacts("ssh_systemctl_restart", RiskLevel.LOW, host="10.0.0.9")
    enforce(check_place(protected, by_address, NOW))
    with pytest.raises(PolicyRefused, match="host db-1 is protected"):
        enforce(check_place(protected, replace(by_address, host="db-1"), NOW))


def test_a_workload_at_zero_counts_as_one_replica() -> None:
    assert failed(check_plan(policy(max_scale_factor=5), PlanFacts("scale", 0, 0, 5))) == set()
    assert failed(check_plan(policy(max_scale_factor=5), PlanFacts("scale", 0, 0, 6))) == {Question.SCALE_FACTOR}


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "PersistentVolumeClaim", "Lease", "VolumeAttachment"])
def test_what_nothing_makes_again_is_deleted_at_critical_risk_only(kind: str) -> None:
    facts = RequestFacts("delete", RiskLevel.CRITICAL, kinds=(kind,), namespace="prod")
    enforce(check_request(Policy(), facts, NOW))
    for risk in (RiskLevel.MEDIUM, RiskLevel.HIGH):
        with pytest.raises(
            PolicyRefused, match=f"{kind} is deleted at critical risk only, .* of {risk} risk"
        ) as caught:
            enforce(check_request(Policy(), replace(facts, risk_level=risk), NOW))
        assert "file it as critical" in str(caught.value.hint)
        enforce(check_request(Policy(), replace(facts, risk_level=risk, operation="label"), NOW))
        enforce(check_request(Policy(), replace(facts, risk_level=risk, kinds=("Pod",)), NOW))


def test_an_answer_is_in_the_readers_language() -> None:
    rules = policy(protected_namespaces=["prod"], freeze_windows=[FROZEN], max_actions_per_target_and_hour=2)
    facts = replace(RESTART, recent_actions=3)
    english = check_request(rules, facts, NOW)
    with read_in("zh-TW"):
        chinese = check_request(rules, facts, NOW)
    assert failed(chinese) == failed(english) == {Question.PROTECTED, Question.FREEZE_WINDOW, Question.RATE}
    for said in chinese:
        assert any("\u4e00" <= character <= "\u9fff" for character in said.reason), said.reason
    assert "命名空間 prod 受到保護" in [check.reason for check in chinese]
