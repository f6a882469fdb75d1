"""The auto-approver runs approved playbooks alone, and leaves to people what was left to people."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from countersign.aftermath.learning.content import Said
from countersign.aftermath.learning.symptoms import read_matcher
from countersign.execution.decisions import record_signature
from countersign.execution.filing import Request, file_request, signed_content
from countersign.execution.report import Report
from countersign.policy.signatures import Decision, sign_hmac
from countersign.records.database.engine import transaction
from countersign.records.playbooks import (
    add_version,
    create_playbook,
    demote,
    lock_playbook,
    restore,
    use_version,
)
from countersign.records.states import PlaybookStatus, VersionOrigin
from sandbox.demo.household import AUTO_APPROVER, AUTO_KEY
from tests.execution.conftest import Office

ACTION = "kubectl rollout restart deployment/api -n prod"
SAID = Said(
    (read_matcher("alertname = HighLatency"),), ("kubectl rollout restart deployment/{{name}} -n {{namespace}}",)
)


@pytest.fixture
def office(office: Office) -> Office:
    """The office with the auto-approver's key."""
    secrets = {AUTO_KEY: office.household.auto_secret}
    return replace(office, services=replace(office.services, signing_secrets=secrets))


@pytest.fixture
def playbook(office: Office) -> UUID:
    """An approved playbook called latency."""
    with transaction(office.services.engine) as session:
        made = create_playbook(
            session,
            name="latency",
            title="Latency",
            status=PlaybookStatus.APPROVED,
            content=SAID.content,
            origin=VersionOrigin.IMPORTED,
            by="alice",
        )
        return made.id


def alone(office: Office, playbook: str | None) -> Report:
    """Let the auto-approver file, sign and run."""
    services = office.services
    request = Request(ACTION, "auto_approve:latency", risk_level="low", matched_playbook_id=playbook)
    with transaction(services.engine) as session:
        filed = file_request(
            session, request, policy=services.policy, now=datetime.now(UTC), clusters=services.clusters
        )
        value = sign_hmac(
            signed_content(filed.approval),
            approval_id=filed.approval.id,
            signer=AUTO_APPROVER,
            decision=Decision.APPROVE,
            key=AUTO_KEY,
            secret=office.household.auto_secret,
        )
        record_signature(
            session, services, filed.approval, signer=AUTO_APPROVER, value=value, decision=Decision.APPROVE
        )
    return office.run(filed.approval.id)


def test_an_approved_playbook_runs_without_a_person(office: Office, playbook: UUID) -> None:
    report = alone(office, "latency")
    assert report.outcome == "success", report.message
    assert "playbook" in {check.name for check in report.checks}


@pytest.mark.parametrize("named", ["latency", "LATENCY", "id", "", None])
def test_what_is_left_to_people_is_blocked_and_says_why(office: Office, playbook: UUID, named: str | None) -> None:
    with transaction(office.services.engine) as session:
        demote(session, playbook, by="countersign", reason="its last 3 runs were not effective")
    report = alone(office, str(playbook) if named == "id" else named)
    assert report.outcome == "blocked"
    assert "latency is left to people: its last 3 runs were not effective" in report.message
    assert report.hint is not None and "playbooks restore latency" in report.hint
    assert not [line for line in office.cluster.log if line.method == "PATCH"]


def test_a_persons_signature_runs_what_is_left_to_people(office: Office, playbook: UUID) -> None:
    with transaction(office.services.engine) as session:
        demote(session, playbook, by="countersign", reason="its last 3 runs were not effective")
    assert office.perform(ACTION, matched_playbook_id="latency").outcome == "success"


def test_what_a_person_gave_back_runs_alone_again(office: Office, playbook: UUID) -> None:
    with transaction(office.services.engine) as session:
        demote(session, playbook, by="countersign", reason="its last 3 runs were not effective")
        restore(session, playbook, by="alice", reason="the image was at fault")
    assert alone(office, "latency").outcome == "success"


@pytest.mark.parametrize("status", ["draft", "deprecated"])
def test_only_an_approved_playbook_runs_alone(office: Office, status: str) -> None:
    with transaction(office.services.engine) as session:
        create_playbook(
            session,
            name="latency",
            title="Latency",
            status=PlaybookStatus(status),
            content=SAID.content,
            origin=VersionOrigin.IMPORTED,
            by="alice",
        )
    report = alone(office, "latency")
    assert (report.outcome, f"latency is {status}" in report.message) == ("blocked", True)


def test_only_the_version_in_use_runs_alone(office: Office, playbook: UUID) -> None:
    other = Said(SAID.symptom, ("kubectl rollout pause deployment/{{name}} -n {{namespace}}",))
    with transaction(office.services.engine) as session:
        found = lock_playbook(session, playbook)
        number = add_version(session, found, other.content, origin=VersionOrigin.MERGED, by="alice")
    assert alone(office, "latency").outcome == "success"
    with transaction(office.services.engine) as session:
        use_version(session, playbook, number)
    report = alone(office, "latency")
    assert report.outcome == "blocked"
    assert "version 1 of playbook latency is not the one in use" in report.message
    assert report.hint is not None and "playbooks approve latency --version 1" in report.hint
    assert office.perform(ACTION, matched_playbook_id="latency").outcome == "success"


def test_a_playbook_that_is_not_on_record_does_not_run_alone(office: Office, playbook: UUID) -> None:
    report = alone(office, "latencyy")
    assert (report.outcome, "latencyy is not on record" in report.message) == ("blocked", True)


def test_a_person_may_sign_for_a_playbook_of_another_system(office: Office) -> None:
    assert office.perform(ACTION, matched_playbook_id="PB-2077").outcome == "success"
