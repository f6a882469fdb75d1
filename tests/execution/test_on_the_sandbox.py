"""Approved actions on a cluster that can misbehave: one effect, and the truth about it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from countersign.execution.clusters import NO_CLUSTERS, only
from countersign.execution.report import Report
from countersign.execution.run import Run
from countersign.records.approvals import get_approval
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.operation_log import log_of
from countersign.records.queries import execution_of
from countersign.records.states import ApprovalStatus, LogStatus
from countersign.records.timeline import events_of
from sandbox.cluster.faults import Effect, Fault
from tests.execution.conftest import Office

RESTART = "kubectl rollout restart deployment/api -n prod"

# What has to be done before an action has anything to do.
BEFORE = {
    "kubectl rollout undo deployment/api -n prod": RESTART,
    "kubectl rollout undo statefulset/db -n prod": "kubectl rollout restart statefulset/db -n prod",
    "kubectl rollout resume deployment/web -n prod": "kubectl rollout pause deployment/web -n prod",
    "kubectl uncordon node-1": "kubectl cordon node-1",
}

# One action of every verb that changes an object.
ACTIONS = (
    RESTART,
    "kubectl rollout undo deployment/api -n prod",
    "kubectl rollout pause deployment/web -n prod",
    "kubectl rollout resume deployment/web -n prod",
    "kubectl scale deployment/worker --replicas=4 -n prod",
    "kubectl set image deployment/payments app=registry.local/payments:1.6.0 -n prod",
    "kubectl set env deployment/payments LOG_LEVEL=debug -n prod",
    "kubectl set resources deployment/payments -c app --limits=memory=256Mi -n prod",
    "kubectl annotate deployment/payments reviewed=yes -n prod",
    "kubectl label deployment/payments tier=backend -n prod",
    """kubectl patch deployment payments -n prod -p '{"spec":{"minReadySeconds":1}}'""",
    """kubectl patch hpa web -n prod --type=merge -p '{"spec":{"maxReplicas":7}}'""",
    "kubectl rollout restart statefulset/db -n prod",
    "kubectl rollout undo statefulset/db -n prod",
    "kubectl delete job migrate-orders -n prod",
    "kubectl cordon node-1",
    "kubectl uncordon node-1",
    "kubectl delete pod {pod} -n prod",
    "kubectl drain node-2 --ignore-daemonsets --delete-emptydir-data --force",
)


def a_pod(office: Office) -> str:
    from countersign.targets.kubernetes.connection import connect  # noqa: PLC0415

    with connect(office.services.clusters.the_default(), request_timeout=5) as connection:
        pods = connection.get("/api/v1/namespaces/prod/pods")["items"]
    return str(next(pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"].startswith("api-")))


def settled(report: Report, outcome: str) -> Report:
    assert report.outcome == outcome, report.message
    return report


@pytest.mark.parametrize("action", ACTIONS)
def test_a_reply_lost_after_the_effect_is_a_success_with_one_mutation(office: Office, action: str) -> None:
    if before := BEFORE.get(action):
        settled(office.perform(before, risk="high"), "success")
    action = action.replace("{pod}", a_pod(office))
    office.cluster.log.clear()
    office.cluster.faults.add(Fault(effect=Effect.RESET_AFTER))
    report = settled(office.perform(action, risk="high"), "success")
    sent = office.cluster.requests.mutations()
    assert len(sent) == len([step for step in report.steps if "wait" not in step.key])


@pytest.mark.parametrize("action", [RESTART, "kubectl scale deployment/worker --replicas=2 -n prod"])
def test_a_request_lost_before_the_effect_is_sent_again_and_lands_once(office: Office, action: str) -> None:
    office.cluster.faults.add(Fault(effect=Effect.RESET_BEFORE))
    report = settled(office.perform(action), "success")
    assert [step.attempts for step in report.steps] == [2]
    assert len(office.cluster.requests.mutations()) == 1
    with transaction(office.services.engine) as session:
        events = events_of(session, approval_id=UUID(report.approval_id))
    assert [event.status for event in events if event.type == "retry"] == ["warning"]


def test_twenty_triggers_are_one_effect_and_twenty_truthful_answers(office: Office) -> None:
    approval_id = office.approved(RESTART)
    with ThreadPoolExecutor(20) as pool:
        reports = list(pool.map(lambda number: office.run(approval_id, worker=f"w{number}"), range(20)))
    assert [report.outcome for report in reports] == ["success"] * 20
    assert sum(report.performed_by_this_run for report in reports) == 1
    assert len({report.execution_id for report in reports}) == 1
    assert len(office.cluster.requests.mutations()) == 1


def refused(office: Office, approval_id: UUID, *, code: str) -> Report:
    """Run it, and see that it was refused with the reason on record and nothing sent."""
    office.cluster.log.clear()
    report = office.run(approval_id)
    assert report.outcome == "blocked"
    assert report.code == code
    assert office.cluster.requests == []
    with transaction(office.services.engine) as session:
        approval = get_approval(session, approval_id)
        events = events_of(session, approval_id=approval_id)
        execution = execution_of(session, approval_id)
        log = execution and log_of(session, execution.id)
    assert approval.status in (ApprovalStatus.FAILED, ApprovalStatus.EXPIRED)
    assert report.message in f"{approval.rejection_reason} {' '.join(event.description for event in events)}"
    assert log is None or log.status is LogStatus.FAILED
    return report


@pytest.mark.all_rights
def test_a_changed_action_is_tampering_and_nothing_is_sent(office: Office) -> None:
    approval_id = office.approved("kubectl scale deployment/api --replicas=3 -n prod")
    with transaction(office.services.engine) as session:
        session.execute(text("UPDATE approval SET action = replace(action, '=3', '=0')"))
    refused(office, approval_id, code="tampered")


@pytest.mark.all_rights
def test_a_changed_target_is_tampering_even_if_the_action_is_as_signed(office: Office) -> None:
    approval_id = office.approved(RESTART)
    with transaction(office.services.engine) as session:
        session.execute(text("""UPDATE approval SET target = '{"kind": "Deployment", "names": ["web"]}'"""))
    refused(office, approval_id, code="tampered")


@pytest.mark.all_rights
def test_a_missing_signature_blocks(office: Office) -> None:
    approval_id = office.approved(RESTART)
    with transaction(office.services.engine) as session:
        session.execute(text("ALTER TABLE signature DISABLE TRIGGER USER"))
        session.execute(text("DELETE FROM signature"))
    refused(office, approval_id, code="not_approved")


def test_an_approval_past_its_time_is_not_executed(office: Office) -> None:
    approval_id = office.approved(RESTART, expires_at=datetime.now(UTC) + timedelta(seconds=2))
    with transaction(office.services.engine) as session:
        session.execute(text("SELECT pg_sleep(2.1)"))
    refused(office, approval_id, code="expired")


def test_a_frozen_namespace_blocks(office: Office) -> None:
    report = refused(office, office.approved("kubectl rollout restart deployment/invoices -n billing"), code="policy")
    assert "freeze" in report.message


def test_a_protected_namespace_blocks(office: Office) -> None:
    action = "kubectl rollout restart daemonset/node-agent -n kube-system"
    refused(office, office.approved(action), code="policy")


def test_the_kill_switch_blocks(office: Office) -> None:
    approval_id = office.approved(RESTART)
    with transaction(office.services.engine) as session:
        set_kill_switch(session, True, by="alice", reason="incident 7")
    report = office.run(approval_id)
    assert (report.outcome, report.code, office.cluster.requests) == ("blocked", "kill_switch", [])
    assert "incident 7" in report.message
    with transaction(office.services.engine) as session:
        assert get_approval(session, approval_id).status is ApprovalStatus.APPROVED


def test_the_kill_switch_is_read_again_immediately_before_the_effect(office: Office) -> None:
    approval_id = office.approved(RESTART)

    def switch_on(point: str) -> None:
        if point == "planned":
            with transaction(office.services.engine) as session:
                set_kill_switch(session, True, by="alice", reason="at the last moment")

    from countersign.execution.direct_run import execute  # noqa: PLC0415

    report = execute(Run(office.services, approval_id, worker="w1", at=switch_on))
    assert report.outcome == "blocked"
    assert office.cluster.requests.mutations() == []


def test_text_that_is_no_action_fails_the_approval_with_its_reason(office: Office) -> None:
    report = settled(office.perform("kubectl rollout restart deployment/api -n prod; rm -rf /"), "parse_failure")
    assert not report.success
    assert office.cluster.requests == []


def test_a_wrong_name_is_refused_with_the_nearest_candidates(office: Office) -> None:
    report = settled(office.perform("kubectl rollout restart deployment/apo -n prod"), "blocked")
    assert "api" in f"{report.message} {report.hint}"
    assert office.cluster.requests.mutations() == []


def test_a_normalised_name_is_used_and_the_original_kept(office: Office) -> None:
    report = settled(office.perform("kubectl rollout restart deployment/api-service -n prod"), "success")
    assert report.targets == ("Deployment prod/api",)
    assert report.requested_names == ("api-service",)


def test_a_dry_run_goes_through_everything_and_sends_nothing(office: Office) -> None:
    approval_id = office.approved(RESTART)
    report = settled(office.run(approval_id, dry_run=True), "dry_run")
    assert [step.result for step in report.steps] == ["planned"]
    assert office.cluster.requests.mutations() == []
    assert settled(office.run(approval_id), "success").performed_by_this_run


def test_reading_keeps_its_output_as_evidence(office: Office) -> None:
    report = settled(office.perform("kubectl get pods -n prod"), "investigated")
    assert report.evidence is not None
    assert "api-" in report.evidence.stdout
    assert office.cluster.requests.mutations() == []


def test_no_action_is_a_success_without_a_request(office: Office) -> None:
    assert settled(office.perform("NO_ACTION"), "no_action").success
    assert office.cluster.requests == []


def test_a_cluster_that_is_down_is_retried_and_then_a_failure(office: Office) -> None:
    office.cluster.faults.add(Fault(effect=Effect.ERROR, code=503, reads=True, dry_run=None, count=None))
    report = settled(office.perform(RESTART), "failed")
    assert report.code == "transient"
    assert office.cluster.requests.mutations() == []


def test_two_actions_on_one_target_take_turns(office: Office) -> None:
    first, second = office.approved(RESTART), office.approved("kubectl label deployment/api turn=two -n prod")
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(office.run, (first, second)))
    assert [report.outcome for report in reports] == ["success", "success"]


def test_a_target_that_stays_held_says_who_holds_it(office: Office) -> None:
    impatient = office.with_settings(target_wait_seconds=0)
    holder = Run(office.services, office.approved(RESTART), worker="w-holder")
    assert holder.claim() is None
    holder.read()
    resolution = holder.resolve()
    assert resolution is not None
    assert holder.hold(resolution) is None
    report = impatient.perform("kubectl label deployment/api turn=three -n prod")
    assert (report.outcome, report.code) == ("blocked", "target_held")
    assert "w-holder" in report.message


def test_a_cluster_block_that_was_changed_after_signing_does_not_move_the_action(office: Office) -> None:
    approval_id = office.approved("kubectl rollout restart deployment/api")
    cluster = office.services.clusters.the_default()
    moved = replace(
        office, services=replace(office.services, clusters=only(replace(cluster, default_namespace="prod")))
    )
    report = refused(moved, approval_id, code="not_approved")
    assert "namespace default" in report.message
    assert "namespace prod" in report.message


def test_an_action_whose_namespace_nobody_signed_is_not_performed(office: Office) -> None:
    unplaced = replace(office, services=replace(office.services, clusters=NO_CLUSTERS))
    approval_id = unplaced.approved("kubectl rollout restart deployment/api")
    report = refused(office, approval_id, code="not_approved")
    assert "names no namespace" in report.message


def test_an_effect_that_comes_after_the_last_attempt_gave_up_waiting_is_found(office: Office) -> None:
    once = office.with_settings(retry_attempts=0, request_timeout_seconds=1, late_effect_seconds=0)
    office.cluster.faults.add(Fault(effect=Effect.DELAY, seconds=1.5))
    settled(once.perform(RESTART), "success")
    assert len(office.cluster.requests.mutations()) == 1


def test_a_secret_in_the_action_is_in_the_cluster_and_in_no_report(office: Office) -> None:
    report = office.perform("kubectl set env deployment/payments DB_PASSWORD=hunter2 -n prod")
    assert report.outcome == "success"
    shown = report.model_dump_json()
    assert "hunter2" not in shown
    assert "DB_PASSWORD=***" in shown
    looked = office.perform("kubectl get deployment/payments -n prod -o yaml")
    assert looked.outcome == "investigated"
    assert looked.evidence is not None
    assert "DB_PASSWORD" in looked.evidence.stdout
    assert "hunter2" not in looked.model_dump_json()
