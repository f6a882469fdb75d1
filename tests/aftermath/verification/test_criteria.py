"""What follows from what was seen, without a cluster: rollouts, pods, restarts, warnings, and what outweighs what."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.aftermath.verification.verdict import decided, judge
from countersign.records.states import Verdict
from countersign.targets.criteria import Case, Criterion, Standing
from countersign.targets.kubernetes.criteria import criteria
from countersign.targets.kubernetes.pod_health import FAILING
from countersign.targets.kubernetes.rollout_status import Progress, rollout_of
from countersign.targets.model import Inspection, Landed
from tests.aftermath.verification.facts import REF, case, deployment, pod

HEALTHY = deployment(pod("a"), pod("b"), generation=1)
ROLLED = deployment(pod("c"), pod("d"))
BROKEN = deployment(pod("a"), pod("b"), pod("c", ready=False, waiting=("ImagePullBackOff",)), updated=1)


def verdict(given_case: Case) -> Verdict:
    return judge(criteria(given_case)).verdict


@pytest.mark.parametrize(
    ("facts", "progress"),
    [
        ({}, Progress.COMPLETE),
        ({"observed": 1}, Progress.WAITING),
        ({"progressing": "ProgressDeadlineExceeded"}, Progress.FAILED),
        ({"updated": 1}, Progress.WAITING),
        ({"available": 1}, Progress.WAITING),
        ({"wanted": 3}, Progress.WAITING),
        ({"wanted": 3, "paused": True}, Progress.PAUSED),
        ({"wanted": 1, "updated": 1}, Progress.WAITING),
    ],
)
def test_a_deployments_rollout_is_judged_in_kubectls_order(facts: dict[str, Any], progress: Progress) -> None:
    assert rollout_of("Deployment", deployment(pod("c"), pod("d"), **facts)).progress is progress


def test_a_status_from_before_our_change_says_nothing_about_it() -> None:
    assert rollout_of("Deployment", ROLLED, generation=3).progress is Progress.WAITING


@pytest.mark.parametrize(
    ("status", "strategy", "progress"),
    [
        ({"readyReplicas": 3, "updateRevision": "2", "currentRevision": "2"}, {}, Progress.COMPLETE),
        ({"readyReplicas": 3, "updateRevision": "2", "currentRevision": "1"}, {}, Progress.WAITING),
        ({"readyReplicas": 2, "updateRevision": "2", "currentRevision": "2"}, {}, Progress.WAITING),
        ({"readyReplicas": 3, "updatedReplicas": 1}, {"type": "RollingUpdate", "partition": 2}, Progress.COMPLETE),
        ({"readyReplicas": 3, "updatedReplicas": 0}, {"type": "RollingUpdate", "partition": 2}, Progress.WAITING),
        ({"readyReplicas": 3}, {"type": "OnDelete"}, Progress.BY_HAND),
    ],
)
def test_a_statefulset_is_judged_by_revision_or_partition(
    status: dict[str, Any], strategy: dict[str, Any], progress: Progress
) -> None:
    facts = {
        "generation": 2, "spec": {"replicas": 3}, "strategy": strategy,
        "status": {"observedGeneration": 2, "replicas": 3, **status},
    }  # fmt: skip
    assert rollout_of("StatefulSet", facts).progress is progress


def test_a_daemonset_is_complete_when_every_node_has_the_new_pod() -> None:
    status = {"observedGeneration": 1, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3}
    assert rollout_of("DaemonSet", {"generation": 1, "status": status}).progress is Progress.COMPLETE
    late = {**status, "numberAvailable": 2}
    assert rollout_of("DaemonSet", {"generation": 1, "status": late}).progress is Progress.WAITING


def test_a_complete_rollout_with_healthy_pods_is_effective() -> None:
    assert verdict(case(ROLLED, before=HEALTHY, over=True)) is Verdict.EFFECTIVE


@pytest.mark.parametrize("reason", sorted(FAILING))
def test_new_pods_that_do_not_start_are_harm_where_pods_were_healthy(reason: str) -> None:
    now = deployment(pod("a"), pod("b"), pod("c", ready=False, waiting=(reason,)), updated=1)
    assert verdict(case(now, now, now, before=HEALTHY, over=True)) is Verdict.WORSE


@pytest.mark.parametrize("reason", ["ErrImagePull", "CrashLoopBackOff"])
def test_new_pods_that_fail_for_a_moment_only_are_no_harm_yet(reason: str) -> None:
    now = deployment(pod("a"), pod("b"), pod("c", ready=False, waiting=(reason,)), updated=1)
    assert not decided(criteria(case(now, now, before=HEALTHY)), may_end_well=False)
    assert verdict(case(now, now, before=HEALTHY, over=True)) is Verdict.INEFFECTIVE


def test_pods_of_a_revision_from_before_are_none_of_ours() -> None:
    was = deployment(pod("a", revision="1"), pod("b", revision="1"))
    moved = pod("x", ready=False, waiting=("CrashLoopBackOff",), revision="1")
    now = deployment(pod("a", revision="1"), moved, pod("c", revision="2"), updated=1)
    assert verdict(case(*[now] * 6, before=was, over=True)) is Verdict.UNVERIFIABLE


def test_an_old_pod_that_crashes_meanwhile_is_told_and_no_harm_of_ours() -> None:
    crashing = pod("a", ready=False, waiting=("CrashLoopBackOff",))
    now = deployment(crashing, pod("b"), pod("c", ready=False), updated=1)
    found = judge(criteria(case(*[now] * 6, before=HEALTHY, over=True)))
    assert (found.verdict, len(found.notes)) == (Verdict.UNVERIFIABLE, 1)


def test_pods_chosen_by_labels_alone_are_never_blamed_on_us() -> None:
    now = {**BROKEN, "pods_by_labels": True}
    assert verdict(case(*[now] * 6, before=HEALTHY, over=True)) is Verdict.INEFFECTIVE


def test_what_somebody_changed_after_us_is_not_judged_by_its_state() -> None:
    theirs = {**BROKEN, "generation": 4, "status": {**BROKEN["status"], "observedGeneration": 4}}
    given = case(*[theirs] * 6, before=HEALTHY, over=True, generations={REF.key: 2})
    assert verdict(given) is Verdict.UNVERIFIABLE


def test_a_change_after_ours_shows_where_the_answer_to_ours_was_lost() -> None:
    theirs = {**BROKEN, "generation": 3, "status": {**BROKEN["status"], "observedGeneration": 3}}
    assert verdict(case(*[theirs] * 6, before=HEALTHY, over=True)) is Verdict.UNVERIFIABLE


def test_new_pods_that_fail_as_the_old_ones_did_are_no_harm() -> None:
    was = deployment(pod("a", ready=False, waiting=("CrashLoopBackOff",)), wanted=1)
    now = deployment(pod("c", ready=False, waiting=("CrashLoopBackOff",)), wanted=1)
    assert verdict(case(now, before=was, over=True)) is Verdict.INEFFECTIVE


def test_what_went_wrong_without_us_is_no_harm_of_ours() -> None:
    was = {**HEALTHY, "generation": BROKEN["generation"]}
    assert verdict(case(BROKEN, before=was, over=True, touched=False)) is Verdict.INEFFECTIVE


def test_without_a_baseline_nothing_is_called_harm() -> None:
    assert verdict(case(BROKEN, before=None, over=True)) is Verdict.INEFFECTIVE


def test_failing_pods_end_the_looking_only_once_they_have_failed_for_long() -> None:
    assert not decided(criteria(case(BROKEN, BROKEN, before=HEALTHY)), may_end_well=False)
    assert decided(criteria(case(BROKEN, BROKEN, BROKEN, before=HEALTHY)), may_end_well=False)


def test_a_complete_rollout_is_looked_at_until_the_window_ends() -> None:
    found = criteria(case(ROLLED, ROLLED, before=HEALTHY))
    assert not decided(found, may_end_well=False)
    assert decided(found, may_end_well=True)


def test_restarts_that_rise_again_and_again_while_we_look_are_harm() -> None:
    looks = [deployment(pod("c", restarts=count), pod("d")) for count in (0, 1, 1, 2)]
    assert verdict(case(*looks, before=HEALTHY, over=True)) is Verdict.WORSE


def test_restarts_from_before_the_looking_are_only_noted_where_all_is_well() -> None:
    now = deployment(pod("c", restarts=2), pod("d", restarts=2))
    assert verdict(case(*[now] * 6, before=HEALTHY, over=True)) is Verdict.EFFECTIVE


def test_one_restart_at_the_start_of_a_pod_is_only_noted() -> None:
    once = deployment(pod("c", restarts=1), pod("d"))
    found = judge(criteria(case(once, once, before=HEALTHY, over=True)))
    assert found.verdict is Verdict.EFFECTIVE
    assert len(found.notes) == 1


def test_restarts_of_before_do_not_count() -> None:
    was = deployment(pod("c", restarts=7), pod("d"), generation=1)
    now = deployment(pod("c", restarts=7), pod("d"))
    assert judge(criteria(case(now, before=was, over=True))).notes == ()


def test_fewer_ready_pods_are_harm_once_the_cluster_gives_the_rollout_up() -> None:
    down = deployment(pod("a"), pod("c", ready=False), updated=1, progressing="ProgressDeadlineExceeded")
    assert verdict(case(down, before=HEALTHY, over=True)) is Verdict.WORSE


@pytest.mark.parametrize("left", [(), (pod("a"),)])
def test_pods_that_merely_take_long_to_start_are_no_harm_although_fewer_are_ready(left: Any) -> None:
    slow = deployment(*left, pod("c", ready=False), updated=1)
    assert verdict(case(*[slow] * 22, before=HEALTHY, over=True)) is Verdict.UNVERIFIABLE


@pytest.mark.parametrize("paused", [True, False])
def test_fewer_ready_pods_of_a_paused_deployment_are_no_harm_of_ours(paused: bool) -> None:
    down = deployment(pod("a"), wanted=2, paused=paused)
    assert verdict(case(*[down] * 6, before=HEALTHY, over=True)) is not Verdict.WORSE


def test_a_slow_rollout_with_which_nothing_is_wrong_cannot_be_judged() -> None:
    one = deployment(pod("a"), pod("b"), pod("c", ready=False), updated=1)
    two = deployment(pod("b"), pod("c"), pod("d", ready=False), updated=2)
    assert verdict(case(one, two, before=HEALTHY, over=True)) is Verdict.UNVERIFIABLE


def test_a_rollout_that_the_cluster_complains_of_is_ineffective() -> None:
    event = {"object": "Pod/c", "uid": "c", "reason": "FailedScheduling", "message": "no node", "count": 1}
    now = deployment(pod("a"), pod("b"), pod("c", ready=False), updated=1, warnings=(event,))
    found = judge(criteria(case(now, before=HEALTHY, over=True)))
    assert found.verdict is Verdict.INEFFECTIVE
    assert "FailedScheduling" in found.notes[0]


def test_fewer_pods_are_no_harm_where_fewer_were_wanted() -> None:
    now = deployment(pod("a"), wanted=1)
    assert verdict(case(*[now] * 6, before=HEALTHY, verb="scale", over=True)) is Verdict.EFFECTIVE


def test_pods_do_not_count_for_a_label() -> None:
    found = criteria(case(BROKEN, before=HEALTHY, verb="label", over=True, inspections=landed(Landed.YES, "label")))
    assert judge(found).verdict is Verdict.EFFECTIVE


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Landed.YES, Verdict.EFFECTIVE),
        (Landed.NO, Verdict.INEFFECTIVE),
        (Landed.UNCLEAR, Verdict.UNVERIFIABLE),
    ],
)
def test_what_is_not_as_it_was_written_had_no_effect(answer: Landed, expected: Verdict) -> None:
    inspections = landed(answer, "set_image")
    assert verdict(case(ROLLED, before=HEALTHY, over=True, inspections=inspections)) is expected


def landed(answer: Landed, verb: str) -> dict[str, Inspection]:
    return {f"1-{verb}": Inspection(answer, "as seen", {})}


def test_nothing_to_ask_is_unverifiable() -> None:
    assert judge([]).verdict is Verdict.UNVERIFIABLE


pods = st.builds(
    pod,
    st.sampled_from("abcdef"),
    ready=st.booleans(),
    restarts=st.integers(0, 3),
    waiting=st.sampled_from([(), ("ContainerCreating",), ("ImagePullBackOff",), ("CrashLoopBackOff",)]),
    terminating=st.booleans(),
)
workloads = st.builds(
    lambda found, **more: deployment(*{each["uid"]: each for each in found}.values(), **more),
    st.lists(pods, max_size=5),
    wanted=st.integers(0, 5),
    updated=st.none() | st.integers(0, 5),
    observed=st.none() | st.integers(0, 2),
    progressing=st.sampled_from(["NewReplicaSetAvailable", "ReplicaSetUpdated", "ProgressDeadlineExceeded"]),
    paused=st.booleans(),
)


@given(before=st.none() | workloads, samples=st.lists(workloads, min_size=1, max_size=6), ours=st.booleans())
def test_every_sight_has_a_verdict_and_a_reason(
    before: dict[str, Any] | None, samples: list[dict[str, Any]], ours: bool
) -> None:
    found = judge(criteria(case(*samples, before=before, over=True, touched=ours)))
    assert all(found.reasons)


@given(before=workloads, samples=st.lists(workloads, min_size=1, max_size=6))
def test_harm_is_never_found_where_nothing_of_ours_took_effect(
    before: dict[str, Any], samples: list[dict[str, Any]]
) -> None:
    assert verdict(case(*samples, before=before, over=True, touched=False)) is not Verdict.WORSE


@given(workload=workloads, before=workloads)
def test_effective_means_that_the_rollout_is_complete(workload: dict[str, Any], before: dict[str, Any]) -> None:
    if verdict(case(workload, before=before, over=True)) is Verdict.EFFECTIVE:
        assert rollout_of("Deployment", workload).progress is Progress.COMPLETE


@given(same=workloads)
def test_what_is_exactly_as_before_is_never_worse(same: dict[str, Any]) -> None:
    assert verdict(case(*[same] * 4, before=same, over=True)) is not Verdict.WORSE


@given(
    st.lists(st.builds(Criterion, st.sampled_from(Standing), st.sampled_from("xyz")), max_size=6),
    st.builds(Criterion, st.sampled_from(Standing), st.sampled_from("xyz")),
)
def test_one_more_finding_never_makes_a_verdict_better(found: list[Criterion], more: Criterion) -> None:
    order = [Verdict.EFFECTIVE, Verdict.UNVERIFIABLE, Verdict.INEFFECTIVE, Verdict.WORSE]
    if any(each.standing is not Standing.NOTE for each in found):
        assert order.index(judge([*found, more]).verdict) >= order.index(judge(found).verdict)
