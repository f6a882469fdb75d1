"""What a cluster accepted is not what happened: partitions, pauses and finalizers keep things as they are."""

from dataclasses import replace
from typing import Any

import pytest

from countersign.actions.operation import Verb
from countersign.aftermath.verification.verdict import judge
from countersign.records.states import Verdict
from countersign.targets.criteria import Case
from countersign.targets.kubernetes.criteria import criteria
from countersign.targets.kubernetes.inspect import judge_removal
from countersign.targets.kubernetes.preflight import state_findings
from countersign.targets.kubernetes.steps import delete_step
from countersign.targets.model import Landed, ObjectRef
from tests.aftermath.verification.facts import case, deployment, pod
from tests.targets.objects import pod as pod_object

DB = ObjectRef("sandbox", "StatefulSet", "prod", "db", "uid-1")
STUCK = ObjectRef("sandbox", "Pod", "prod", "stuck", "uid-1")


def stateful_set(partition: int) -> dict[str, Any]:
    status = {"observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 0,
              "currentRevision": "1", "updateRevision": "2"}  # fmt: skip
    return {
        **deployment(*(pod(f"db-{number}") for number in range(3)), wanted=3),
        "status": status,
        "strategy": {"type": "RollingUpdate", "partition": partition},
    }


def verdict(given: Case) -> Verdict:
    return judge(criteria(given)).verdict


@pytest.mark.parametrize("verb", ["restart", "set_image"])
def test_a_partition_that_keeps_every_pod_makes_a_restart_ineffective(verb: str) -> None:
    kept = stateful_set(3)
    assert verdict(case(kept, before=kept, verb=verb, ref=DB, over=True)) is Verdict.INEFFECTIVE


def test_the_partition_is_told_before_anything_is_sent() -> None:
    live = {
        "metadata": {"name": "db", "uid": "u", "generation": 2},
        "spec": {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}},
                 "template": {"spec": {"containers": []}}},
        "status": {},
    }  # fmt: skip
    assert "partition_keeps_all" in [found.code for found in state_findings(DB, live, Verb.RESTART)]
    assert "partition_keeps_all" not in [found.code for found in state_findings(DB, live, Verb.SCALE)]


def test_a_paused_deployment_that_was_scaled_is_judged_by_its_ready_pods() -> None:
    before = deployment(pod("a"), wanted=1, generation=1, paused=True)
    scaled = deployment(pod("a"), pod("b"), wanted=2, updated=0, paused=True)
    short = deployment(pod("a"), wanted=2, updated=0, paused=True)
    assert verdict(case(scaled, before=before, verb="scale", over=True)) is Verdict.EFFECTIVE
    assert verdict(case(short, before=before, verb="scale", over=True)) is not Verdict.EFFECTIVE


def _letting_go(facts: dict[str, Any]) -> Case:
    given = case(facts, before=facts, verb="patch", ref=STUCK, over=True)
    step = given.plan.steps[0]
    ending = replace(
        step,
        before={**step.before, "deletionTimestamp": "2026-01-01T00:00:00Z"},
        wanted={"fields": {"/metadata/finalizers": None}},
    )
    return replace(given, plan=replace(given.plan, steps=(ending,)))


def test_taking_the_finalizers_from_a_terminating_object_is_effective_once_it_is_gone() -> None:
    held = {"exists": True, "uid": "uid-1", "finalizers": ["example.org/other"], "deletionTimestamp": "x"}
    assert verdict(_letting_go({"exists": False})) is Verdict.EFFECTIVE
    assert verdict(_letting_go({**held, "uid": "uid-2"})) is Verdict.EFFECTIVE
    assert verdict(_letting_go(held)) is Verdict.INEFFECTIVE


def test_a_forced_deletion_that_a_finalizer_holds_says_so() -> None:
    live = pod_object("stuck", deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["example.org/hold"])
    step = delete_step(STUCK, pod_object("stuck"), {"gracePeriodSeconds": 0}, number=1, path="/x")
    assert step is not None
    seen = judge_removal(step, live)
    assert seen.landed is Landed.YES
    assert "example.org/hold" in seen.reason


def test_a_terminating_target_is_told_with_what_holds_it() -> None:
    live = pod_object("stuck", deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["example.org/hold"])
    (found,) = (one for one in state_findings(STUCK, live, Verb.LABEL) if one.code == "terminating")
    assert "example.org/hold" in found.message
