"""CronJobs: a Job made from one, once and known as ours; suspending and going on."""

from datetime import UTC, datetime
from typing import Any

import pytest

from countersign.actions import read_action
from countersign.actions.operation import KubernetesOperation
from countersign.errors import AmbiguousTargetError, PermanentTargetError, PreflightRefused
from countersign.targets.criteria import Case, Standing
from countersign.targets.kubernetes.created import judge_created, mark_of
from countersign.targets.kubernetes.criteria import criteria
from countersign.targets.kubernetes.plan_create import MARK
from countersign.targets.model import Impact, Landed, ObjectRef, Plan, Step
from tests.intents import apply
from tests.targets.cluster import Cluster
from tests.targets.lossy import Loss

CREATE = "kubectl create job by-hand --from=cronjob/report"


def read(text: str) -> KubernetesOperation:
    operation = read_action(text)
    assert isinstance(operation, KubernetesOperation)
    return operation


def cronjob(cluster: Cluster, *, env: list[dict[str, str]] | None = None, **spec: Any) -> Any:
    container = {"name": "app", "image": "app:1", **({"env": env} if env else {})}
    template = {
        "metadata": {"labels": {"team": "data"}, "annotations": {"note": "x"}},
        "spec": {
            "backoffLimit": 1,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }
    body = {"kind": "CronJob", "metadata": {"name": "report"}}
    return cluster.create("CronJob", {**body, "spec": {"schedule": "0 3 1 1 *", "jobTemplate": template, **spec}})


@pytest.mark.contract
def test_the_job_is_kubectls_and_is_made_once(cluster: Cluster) -> None:
    made_from = cronjob(cluster)
    plan = cluster.perform(read(CREATE))
    (step,) = plan.steps
    job = cluster.get("Job", "by-hand")
    assert job["metadata"]["annotations"] == {
        "cronjob.kubernetes.io/instantiate": "manual",
        "note": "x",
        MARK: step.wanted["mark"],
    }
    assert job["metadata"]["labels"]["team"] == "data"
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("CronJob", "report", made_from["metadata"]["uid"])
    assert job["spec"]["backoffLimit"] == 1
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "app:1"
    assert cluster.target.inspect(plan, step).landed is Landed.YES
    # The same request again is refused by the name, and known as our own.
    assert apply(cluster.target, plan, step).detail["uid"] == job["metadata"]["uid"]
    assert [item["metadata"]["name"] for item in cluster.items("Job")] == ["by-hand"]
    assert cluster.target.invert(plan) is None
    assert any(facts["exists"] for key, facts in cluster.target.observe(plan).objects.items() if "/Job/" in key)


@pytest.mark.contract
def test_a_job_of_that_name_is_refused_before_anything_is_sent(cluster: Cluster) -> None:
    cronjob(cluster)
    cluster.perform(read(CREATE))
    cluster.proxy.writes.clear()
    with pytest.raises(PreflightRefused, match="exists already"):
        cluster.plan(read(CREATE))
    assert cluster.proxy.writes == []


@pytest.mark.contract
@pytest.mark.parametrize("loss", list(Loss))
def test_a_lost_request_and_a_lost_answer_are_told_apart(cluster: Cluster, loss: Loss) -> None:
    cronjob(cluster)
    plan = cluster.plan(read(CREATE))
    (step,) = plan.steps
    cluster.proxy.lose(loss)
    with pytest.raises(AmbiguousTargetError):
        apply(cluster.target, plan, step)
    expected = Landed.NO if loss is Loss.REQUEST else Landed.YES
    assert cluster.target.inspect(plan, step).landed is expected


@pytest.mark.contract
def test_anothers_job_of_that_name_is_not_taken_for_ours(cluster: Cluster) -> None:
    cronjob(cluster)
    plan = cluster.plan(read(CREATE))
    (step,) = plan.steps
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "app:1"}]}}
    cluster.create("Job", {"kind": "Job", "metadata": {"name": "by-hand"}, "spec": {"template": template}})
    with pytest.raises(PermanentTargetError):
        apply(cluster.target, plan, step)
    assert cluster.target.inspect(plan, step).landed is Landed.NO
    assert mark_of(cluster.get("Job", "by-hand")) is None
    assert any(finding.severity == "blocking" for finding in cluster.target.preflight(plan))


@pytest.mark.contract
def test_a_template_with_a_secret_in_it_is_not_put_on_record(cluster: Cluster) -> None:
    cronjob(cluster, env=[{"name": "DB_PASSWORD", "value": "hunter2-of-the-cronjob"}])
    with pytest.raises(PreflightRefused, match="looks like a secret") as caught:
        cluster.plan(read(CREATE))
    assert "hunter2" not in str(caught.value)


@pytest.mark.contract
def test_suspending_and_going_on_are_verified_as_such(cluster: Cluster) -> None:
    cronjob(cluster)
    suspend = read("""kubectl patch cronjob report -p '{"spec":{"suspend":true}}'""")
    plan = cluster.perform(suspend)
    key = plan.refs[0].key
    sample = cluster.target.observe(plan).objects
    told = criteria(Case(plan=plan, before=None, samples=[sample], over=True))
    assert [(each.standing, each.reason) for each in told if "suspended" in each.reason] == [
        (Standing.MET, f"{plan.refs[0]} is suspended: its schedule starts no job")
    ]
    elsewise = {key: {**sample[key], "spec": {"suspend": False}}}
    told = criteria(Case(plan=plan, before=None, samples=[elsewise], over=True))
    assert Standing.FAILED in {each.standing for each in told}
    assert cluster.plan(suspend).steps == ()
    resume = cluster.plan(read("""kubectl patch cronjob report -p '{"spec":{"suspend":false}}'"""))
    assert "missed_run_starts" in {finding.code for finding in cluster.target.preflight(resume)}
    back = cluster.target.invert(plan)
    assert back is not None
    apply(cluster.target, back, back.steps[0])
    assert cluster.get("CronJob", "report")["spec"]["suspend"] is False


STEP = Step("1-create-prod/x", ObjectRef("c", "Job", "prod", "x"), "create", {}, {"seen": ["old"]}, {"mark": "m"})
OURS = {"metadata": {"uid": "u", "annotations": {MARK: "m"}}}
THEIRS = {"metadata": {"uid": "t"}}


@pytest.mark.parametrize(
    ("live", "told", "landed"),
    [
        (OURS, None, Landed.YES),
        (OURS, ["u", "old"], Landed.YES),
        (None, [], Landed.NO),
        (None, ["old"], Landed.NO),
        (None, ["old", "u"], Landed.UNCLEAR),
        (None, None, Landed.UNCLEAR),
        (THEIRS, ["t"], Landed.NO),
        (THEIRS, ["t", "u"], Landed.UNCLEAR),
        (THEIRS, None, Landed.UNCLEAR),
    ],
)
def test_what_is_there_and_what_events_tell_decide(live: Any, told: list[str] | None, landed: Landed) -> None:
    assert judge_created(STEP, live, told).landed is landed


@pytest.mark.parametrize(
    ("facts", "standing"),
    [
        ({"exists": True, "conditions": {"Complete": {"status": "True"}}}, Standing.MET),
        (
            {"exists": True, "conditions": {"Failed": {"status": "True", "reason": "BackoffLimitExceeded"}}},
            Standing.FAILED,
        ),
        ({"exists": True, "status": {"active": 1}}, Standing.MET),
        ({"exists": True, "status": {"active": 1, "failed": 1}}, Standing.FAILED),
        ({"exists": True, "status": {}}, Standing.FAILED),
        ({"exists": False}, Standing.UNTOLD),
    ],
)
def test_a_made_job_is_judged_by_what_became_of_it(facts: dict[str, Any], standing: Standing) -> None:
    ref = ObjectRef("c", "CronJob", "prod", "report")
    plan = Plan("c", "create_job", (ref,), (STEP,), Impact(), datetime.now(UTC).isoformat())
    (told,) = criteria(Case(plan=plan, before=None, samples=[{STEP.ref.key: facts}], over=True))
    assert told.standing is standing
