"""Runs that are interrupted, overtaken or kept waiting: the record stays true, and no check is forgotten."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from countersign.errors import ConfigurationError, PolicyRefused, StaleFence, Stopped
from countersign.execution.clusters import Clusters, only
from countersign.execution.direct_run import execute
from countersign.execution.run import Run
from countersign.records.database.engine import transaction
from countersign.records.operation_log import log_of
from countersign.records.queries import execution_of
from countersign.records.states import LogStatus
from countersign.targets.kubernetes.connection import ClusterSettings
from countersign.targets.kubernetes.target import KubernetesTarget
from sandbox.cluster import SandboxCluster
from sandbox.cluster.faults import Effect, Fault
from tests.execution.conftest import Office
from tests.execution.shelf import Died
from tests.execution.test_on_the_sandbox import RESTART
from tests.records.builders import end_lease


def killed(office: Office, action: str, *, at: str) -> Run:
    """Return a run that was killed at a point whose name begins with `at`, and whose lease is over."""

    def die(point: str) -> None:
        if point.startswith(at):
            raise Died

    run = Run(office.services, office.approved(action), worker="dead", at=die)
    with pytest.raises(Died):
        execute(run)
    end_lease(office.services.engine, run.known.owned.execution_id)
    return run


def test_a_takeover_that_ends_before_its_checks_does_not_call_what_was_sent_unsent(office: Office) -> None:
    dead = killed(office, RESTART, at="answered:")
    successor = Run(office.services, dead.approval_id, worker="w2")
    assert successor.claim() is None
    assert successor.settle(Stopped()).outcome == "success"


def test_a_takeover_that_is_cancelled_while_nobody_knows_is_unknown(office: Office) -> None:
    dead = killed(office, RESTART, at="sent:")
    successor = Run(office.services, dead.approval_id, worker="w2")
    assert successor.claim() is None
    assert successor.settle(Stopped()).outcome == "unknown"


def test_a_run_that_lost_its_execution_and_gets_it_back_performs_it(office: Office) -> None:
    engine = office.services.engine

    def lose_it(point: str) -> None:
        if point == "planned" and not run.stop.is_set():
            other = Run(office.services, run.approval_id, worker="w-other")
            end_lease(engine, run.known.owned.execution_id)
            assert other.claim() is None
            with pytest.raises(StaleFence):
                run.extend_lease()
            run.stop.set()  # what the heartbeat does then
            end_lease(engine, run.known.owned.execution_id)
            run.at = lambda _point: None

    run = Run(office.services, office.approved(RESTART), worker="w1", at=lose_it)
    assert execute(run).outcome == "success"


def test_the_policys_kill_switch_is_read_again_before_every_attempt(office: Office) -> None:
    switched = office.services.policy.model_copy(update={"kill_switch": True})
    asked: list[int] = []

    def policy_now() -> object:
        asked.append(1)
        return switched if len(asked) > 1 else office.services.policy

    watched = replace(office, services=replace(office.services, reread_policy=policy_now))
    office.cluster.faults.add(Fault(effect=Effect.ERROR, code=429))
    report = watched.perform(RESTART)
    assert (report.outcome, report.code) == ("blocked", "kill_switch")
    assert [step.attempts for step in report.steps] == [1]


def test_the_policys_kill_switch_stops_between_two_steps(office: Office) -> None:
    switched = office.services.policy.model_copy(update={"kill_switch": True})

    def policy_now() -> object:
        return switched if office.cluster.requests.mutations() else office.services.policy

    watched = replace(office, services=replace(office.services, reread_policy=policy_now))
    report = watched.perform("kubectl annotate deployment/api deployment/web seen=once -n prod")
    assert (report.outcome, report.code) == ("failed", "kill_switch")
    assert [step.result for step in report.steps] == ["landed", "not_sent"]


def test_a_worker_without_a_cluster_takes_nothing_over(office: Office) -> None:
    dead = killed(office, RESTART, at="sent:")
    without = replace(
        office, services=replace(office.services, clusters=Clusters(problem=ConfigurationError("Prefect is away.")))
    )
    with pytest.raises(ConfigurationError, match="Prefect is away"):
        without.run(dead.approval_id, worker="w2")
    assert office.run(dead.approval_id, worker="w3").outcome == "success"


def test_a_plan_is_not_performed_on_another_cluster(office: Office) -> None:
    dead = killed(office, "kubectl delete pod db-1 -n prod", at="intent:")
    with SandboxCluster() as other:
        elsewhere = ClusterSettings(name="elsewhere", kubeconfig=SecretStr(other.kubeconfig))
        moved = replace(office, services=replace(office.services, clusters=only(elsewhere)))
        report = moved.run(dead.approval_id, worker="w2")
    assert not report.success
    assert report.outcome == "unknown"
    assert office.cluster.requests.mutations() == []


def test_two_that_were_let_through_at_once_do_not_exceed_the_limit_of_actions(office: Office) -> None:
    limited = office.with_policy(office.services.policy.model_copy(update={"max_actions_per_target_and_hour": 1}))
    runs = [Run(limited.services, limited.approved(RESTART), worker=f"w{number}") for number in range(2)]
    resolutions = []
    for run in runs:
        assert run.claim() is None
        run.read()
        run.check()
        resolutions.append(run.resolve())
    first, second = runs
    assert resolutions[0] is not None
    assert resolutions[1] is not None
    assert first.hold(resolutions[0]) is None
    first.plan(resolutions[0])
    first.perform(attempt=1)
    first.settle(None)
    assert second.hold(resolutions[1]) is None
    with pytest.raises(PolicyRefused, match="last hour"):
        second.plan(resolutions[1])


def test_a_large_workload_does_not_lend_its_size_to_a_small_one(office: Office) -> None:
    for name, replicas in (("web", 6), ("payments", 2)):
        assert office.perform(f"kubectl scale deployment/{name} --replicas={replicas} -n prod").success
    limited = office.with_policy(office.services.policy.model_copy(update={"max_scale_factor": 2.0}))
    report = limited.perform("kubectl scale deployment/web deployment/payments --replicas=7 -n prod")
    assert (report.outcome, report.code) == ("blocked", "policy")
    assert "from 2 to 7" in report.message


def test_an_autoscalers_bounds_are_limited_like_the_replicas_that_they_bring(office: Office) -> None:
    patch = """'{"spec":{"minReplicas":900,"maxReplicas":1000}}'"""
    report = office.perform(f"kubectl patch hpa web -n prod --type=merge -p {patch}")
    assert (report.outcome, report.code) == ("blocked", "policy")
    assert office.cluster.requests.mutations() == []


@pytest.mark.all_rights
def test_an_approval_that_expires_while_the_run_waits_is_not_executed(office: Office) -> None:
    def time_passes(point: str) -> None:
        # Moved there, and not waited for: a busy machine may take any time until here.
        if point == "planned":
            with transaction(office.services.engine) as session:
                session.execute(text("ALTER TABLE approval DISABLE TRIGGER USER"))
                session.execute(text("UPDATE approval SET expires_at = clock_timestamp()"))

    approval_id = office.approved(RESTART, expires_at=datetime.now(UTC) + timedelta(hours=1))
    report = execute(Run(office.services, approval_id, worker="w1", at=time_passes))
    assert (report.outcome, report.code) == ("blocked", "expired")
    assert office.cluster.requests.mutations() == []


@pytest.mark.all_rights
def test_an_operation_log_that_cannot_be_opened_does_not_stop_the_execution(office: Office) -> None:
    engine = office.services.engine
    with transaction(engine) as session:
        session.execute(
            text("""
            CREATE FUNCTION refuse_pending() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.status = 'pending' THEN RAISE EXCEPTION 'no room'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER refuse_pending BEFORE INSERT ON automation_operation_log
                FOR EACH ROW EXECUTE FUNCTION refuse_pending();
            """)
        )
    approval_id = office.approved(RESTART)
    assert office.run(approval_id).outcome == "success"
    with transaction(engine) as session:
        execution = execution_of(session, approval_id)
        assert execution is not None
        log = log_of(session, execution.id)
        assert log is not None
        assert log.status is LogStatus.SUCCESS


def test_a_fault_of_the_program_ends_the_execution_with_a_record(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: object, **_named: object) -> object:
        raise KeyError("replicas")

    monkeypatch.setattr(KubernetesTarget, "plan", broken)
    report = office.perform(RESTART)
    assert (report.outcome, report.code) == ("failed", "internal")


def test_a_namespace_object_is_as_protected_as_what_is_in_it(office: Office) -> None:
    report = office.perform("kubectl label namespace kube-system reviewed=yes", risk="high")
    assert (report.outcome, report.code) == ("blocked", "policy")
    assert office.cluster.requests.mutations() == []


def test_an_observation_is_a_success_also_while_the_kill_switch_is_on(office: Office) -> None:
    stopped = office.with_policy(office.services.policy.model_copy(update={"kill_switch": True}))
    assert stopped.perform("NO_ACTION").outcome == "no_action"


def test_a_namespace_object_is_refused_where_the_block_does_not_allow_its_namespace(office: Office) -> None:
    cluster = replace(office.services.clusters.the_default(), default_namespace="prod", allowed_namespaces=("prod",))
    narrow = replace(office, services=replace(office.services, clusters=only(cluster)))
    report = narrow.perform("kubectl label namespace staging reviewed=yes")
    assert (report.outcome, report.code) == ("blocked", "policy")
    assert office.cluster.requests.mutations() == []


def test_a_dry_run_does_not_use_up_the_limit_of_actions(office: Office) -> None:
    limited = office.with_policy(office.services.policy.model_copy(update={"max_actions_per_target_and_hour": 1}))
    approval_id = limited.approved(RESTART)
    assert limited.run(approval_id, dry_run=True).outcome == "dry_run"
    assert limited.run(approval_id).outcome == "success"
