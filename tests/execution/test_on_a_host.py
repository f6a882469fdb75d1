"""Approved actions on a host that can misbehave: one effect at most, the truth, and every call in the audit."""

import pickle
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from countersign.errors import GateRefused
from countersign.execution.decisions import record_signature
from countersign.execution.direct_run import execute
from countersign.execution.filing import Request, file_at, signed_content
from countersign.execution.report import Report
from countersign.execution.run import Run
from countersign.policy.signatures import Decision, sign_hmac
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.gateway_audit import calls_of
from countersign.records.states import ApprovalStatus
from countersign.records.tables import GatewayAudit
from countersign.targets.hosts.fleet import FleetSettings, HostSettings
from sandbox.demo.household import ADMINISTRATOR, AUTO_APPROVER, AUTO_KEY
from sandbox.hosts.host import SandboxHost
from sandbox.hosts.keys import new_key
from tests.execution.conftest import Office

RESTART = "ssh web-1 'systemctl restart nginx'"

# What is asked for, how the command that has the effect begins, and the effects.
MUTATIONS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (RESTART, ("systemctl", "restart"), ("restart nginx.service",)),
    ("ssh web-1 'sudo docker restart web'", ("docker", "restart"), ("restart web",)),
    (
        "ssh web-1 'docker compose -p shop restart cart'",
        ("docker", "compose"),
        ("restart shop-cart-1", "restart shop-cart-2"),
    ),
    ("ssh web-1 'certbot renew --cert-name example.org'", ("certbot", "renew"), ("renew example.org",)),
    ("ssh web-1 'nginx -s reload'", ("nginx", "-s"), ("reload nginx",)),
    ("ssh web-1 'docker image prune -f'", ("docker", "image", "prune"), ("prune image",)),
)


@dataclass(frozen=True)
class HostOffice:
    """An office with a host."""

    office: Office
    host: SandboxHost

    def perform(self, action: str, *, requested_by: str = ADMINISTRATOR, **fields: object) -> Report:
        return self.office.perform(action, requested_by=requested_by, **fields)

    def run(self, approval_id: UUID, *, at: Callable[[str], None], worker: str = "w1") -> Report:
        return execute(Run(self.office.services, approval_id, worker=worker, at=at))

    def with_host(self, **changes: Any) -> "HostOffice":
        """Return the same office whose block says something else about the host."""
        return self.with_fleet(self.host.settings(**changes))

    def with_fleet(self, *hosts: HostSettings) -> "HostOffice":
        fleet = FleetSettings("sandbox", hosts, linger_seconds=0, connect_timeout=2, auth_timeout=2)
        return self._with(fleet=fleet)

    def with_redis(self, url: str | None) -> "HostOffice":
        secret = None if url is None else SecretStr(url)
        return replace(self, office=self.office.with_settings(redis_url=secret))

    def with_policy(self, **changes: object) -> "HostOffice":
        policy = self.office.services.policy
        return replace(self, office=self.office.with_policy(policy.model_copy(update=changes)))

    def with_gateway(self, **changes: object) -> "HostOffice":
        rules = self.office.services.policy.host_gateway
        return self.with_policy(host_gateway=rules.model_copy(update=changes))

    def approved_by_machine(self, action: str) -> UUID:
        """File as the auto-approver and have it sign alone."""
        services, secret = self.office.services, self.office.household.auto_secret
        with transaction(services.engine) as session:
            request = Request(action=action, requested_by=AUTO_APPROVER, risk_level="low")
            approval = file_at(session, services, request).approval
            value = sign_hmac(
                signed_content(approval),
                approval_id=approval.id,
                signer=AUTO_APPROVER,
                decision=Decision.APPROVE,
                key=AUTO_KEY,
                secret=secret,
            )
            record_signature(
                session, services, approval, signer=AUTO_APPROVER, value=value, decision=Decision.APPROVE
            )
            return approval.id

    def audit(self, report: Report) -> list[GatewayAudit]:
        with transaction(self.office.services.engine) as session:
            rows = list(calls_of(session, UUID(report.approval_id)))
            session.expunge_all()
        return rows

    def _with(self, **changes: Any) -> "HostOffice":
        return replace(self, office=replace(self.office, services=replace(self.office.services, **changes)))


@pytest.fixture
def host() -> Iterator[SandboxHost]:
    with SandboxHost(server="standin") as running:
        yield running


@pytest.fixture
def there(office: Office, host: SandboxHost, valkey_url: str) -> HostOffice:
    secrets = {AUTO_KEY: office.household.auto_secret}
    office = replace(office, services=replace(office.services, signing_secrets=secrets))
    return HostOffice(office, host).with_redis(valkey_url).with_host()


def settled(report: Report, outcome: str, code: str | None = None) -> Report:
    assert (report.outcome, report.code) == (outcome, code), f"{report.code}: {report.message}"
    return report


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("action", "argv", "effects"), MUTATIONS)
def test_a_connection_cut_around_the_effect_is_a_success_with_one_effect(
    there: HostOffice, action: str, argv: tuple[str, ...], effects: tuple[str, ...], when: Any
) -> None:
    there.host.fault("cut", *argv, when=when)
    report = settled(there.perform(action), "success")
    assert [step.attempts for step in report.steps] == [1]
    assert len(there.host.effects) == len(effects)
    assert all(seen.startswith(wanted) for seen, wanted in zip(there.host.effects, effects, strict=True))


def test_a_run_makes_one_connection_and_leaves_none_open(there: HostOffice) -> None:
    settled(there.perform(RESTART), "success")
    assert (there.host.effects, there.host.wire.accepted) == (("restart nginx.service",), 1)
    deadline = time.monotonic() + 60
    while there.host.wire.open and time.monotonic() < deadline:
        time.sleep(0.02)
    assert there.host.wire.open == 0


def test_a_truncated_log_is_truncated_once_though_its_answer_was_lost(there: HostOffice) -> None:
    text = "ssh web-1 'truncate -s 0 $(docker inspect --format={{.LogPath}} web)'"
    there.host.fault("cut", "truncate", when="after")
    settled(there.perform(text), "success")
    assert len(there.host.effects) == 1


def test_a_command_killed_before_its_effect_is_sent_again_with_a_key_of_its_own(there: HostOffice) -> None:
    there.host.fault("die", "systemctl", "restart")
    report = settled(there.perform(RESTART), "success")
    assert [step.attempts for step in report.steps] == [2]
    assert there.host.effects == ("restart nginx.service",)
    applied = [row for row in there.audit(report) if row.purpose == "apply"]
    assert [row.decision for row in applied] == ["allowed", "failed", "allowed", "completed"]


def test_a_host_that_is_gone_after_the_command_was_sent_is_an_unknown_outcome(there: HostOffice) -> None:
    def unplug(point: str) -> None:
        if point.startswith("sent:"):
            there.host.wire.close()

    there.host.fault("cut", "systemctl", "restart", when="after")
    report = there.run(there.office.approved(RESTART), at=unplug)
    settled(report, "unknown", "unknown")
    assert there.host.effects == ("restart nginx.service",)


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.mark.parametrize("point", ["planned", "intent:1-ssh_systemctl_restart", "sent:1-ssh_systemctl_restart"])
def test_whoever_takes_over_a_killed_workers_execution_has_one_effect(there: HostOffice, point: str) -> None:
    brief = replace(there, office=there.office.with_settings(lease_seconds=1))
    approval_id = brief.office.approved(RESTART)

    def die(passed: str) -> None:
        if passed == point:
            raise Killed

    with pytest.raises(Killed):
        brief.run(approval_id, at=die, worker="w-killed")
    report = settled(brief.office.run(approval_id, worker="w2"), "success")
    assert report.performed_by_this_run
    assert there.host.effects == ("restart nginx.service",)


def test_twenty_triggers_are_one_effect(there: HostOffice) -> None:
    approval_id = there.office.approved(RESTART)
    with ThreadPoolExecutor(20) as pool:
        reports = list(pool.map(lambda number: there.office.run(approval_id, worker=f"w{number}"), range(20)))
    assert {report.outcome for report in reports} == {"success"}
    assert sum(report.performed_by_this_run for report in reports) == 1
    assert there.host.effects == ("restart nginx.service",)


def test_a_hanging_command_ends_with_its_limit_and_leaves_no_process(
    there: HostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("countersign.targets.hosts.tools.docker_restart.LIMIT", 1)
    there.host.fault("hang", "docker", "restart", times=3)
    settled(there.perform("ssh web-1 'docker restart web'"), "failed", "transient")
    assert there.host.running == ()
    assert there.host.effects == ()


def test_every_call_is_in_the_audit_with_whose_it_is_and_what_was_run(there: HostOffice) -> None:
    report = settled(there.perform(RESTART, incident_id="INC-7"), "success")
    rows = there.audit(report)
    assert [row.purpose for row in rows if row.decision == "allowed"] == ["plan", "preflight", "observe", "apply"]
    sent = [row for row in rows if row.purpose == "apply"]
    assert [(row.decision, row.argv) for row in sent] == [
        ("allowed", [["systemctl", "restart", "nginx.service"]]),
        ("completed", None),
    ]
    for row in rows:
        assert (row.agent, row.agent_role, row.project) == (ADMINISTRATOR, "executor", "default")
        assert (row.tool, row.host, row.parameters) == ("ssh_systemctl_restart", "web-1", {"unit": "nginx.service"})
        assert (row.incident_id, str(row.execution_id)) == ("INC-7", report.execution_id)


def test_a_diagnosis_is_kept_as_evidence_and_repairs_nothing(there: HostOffice) -> None:
    there.host.fault("noise", "uptime", hex="fffe00", times=2)
    there.host.fault("flood", "free", bytes=2 << 20, times=2)
    report = settled(there.perform("ssh web-1 uptime", risk="low"), "investigated")
    assert report.evidence is not None
    assert report.evidence.exit_code == 0
    for part in ("$ uptime\n\ufffd\ufffd\ufffd", "$ df -h\n", "$ docker container ls --all\n"):
        assert part in report.evidence.stdout
    assert report.evidence.truncated
    assert there.host.effects == ()


def test_a_dry_run_plans_and_changes_nothing(there: HostOffice) -> None:
    report = settled(there.office.run(there.office.approved(RESTART), dry_run=True), "dry_run")
    assert [(step.title, step.result) for step in report.steps] == [
        ("restart unit nginx.service on web-1", "planned")
    ]
    assert there.host.effects == ()


def refused(there: HostOffice, report: Report, code: str) -> GatewayAudit:
    """See that it was blocked with gate and code, on record, and that nothing happened; return the audit's row."""
    settled(report, "blocked", code)
    assert there.host.effects == ()
    with transaction(there.office.services.engine) as session:
        approval = get_approval(session, UUID(report.approval_id))
    assert approval.status is ApprovalStatus.FAILED
    assert report.message in (approval.rejection_reason or "")
    row = next(row for row in there.audit(report) if not row.allowed)
    assert f"gate_{row.gate}_{row.gate_code}" == code
    return row


def test_a_refusal_of_a_gate_survives_pickling_as_prefect_keeps_it() -> None:
    refusal = GateRefused("no", gate=2, gate_code="scope_missing", hint="ask")
    kept = pickle.loads(pickle.dumps(refusal))
    assert (kept.message, kept.gate, kept.gate_code, kept.hint) == ("no", 2, "scope_missing", "ask")


def test_a_prune_without_the_scope_is_blocked_at_gate_2(there: HostOffice) -> None:
    report = there.perform("ssh web-1 'docker image prune -f'", requested_by="carol")
    assert refused(there, report, "gate_2_scope_missing").agent == "carol"
    assert "admin" in report.message


def test_an_environment_that_is_not_granted_is_blocked_at_gate_3(there: HostOffice) -> None:
    elsewhere = there.with_host(environment="production")
    refused(there, elsewhere.perform(RESTART), "gate_3_environment_not_allowed")


def test_an_installation_without_grants_acts_on_no_host(there: HostOffice) -> None:
    refused(there, there.with_gateway(projects=()).perform(RESTART), "gate_3_unknown_project")


def test_another_user_than_the_fleets_is_blocked_at_gate_3(there: HostOffice) -> None:
    refused(there, there.perform("ssh somebody@web-1 'systemctl restart nginx'"), "gate_3_user_not_allowed")


def test_a_host_without_a_pinned_key_is_blocked_at_gate_3(there: HostOffice) -> None:
    refused(there, there.with_host(host_keys=()).perform(RESTART), "gate_3_host_key_unknown")


def test_a_host_that_shows_another_key_is_blocked_at_gate_3(there: HostOffice) -> None:
    report = there.with_host(host_keys=(new_key().public,)).perform(RESTART)
    refused(there, report, "gate_3_host_key_changed")


def test_redis_down_lets_nothing_through_and_uses_no_approval_up(there: HostOffice) -> None:
    report = there.with_redis("unix:///nonexistent/redis.sock").perform(RESTART)
    assert (report.outcome, report.code) == ("postponed", "gate_5_keys_unavailable")
    settled(there.office.run(UUID(report.approval_id)), "success")


def test_without_redis_nothing_that_changes_a_host_is_let_through(there: HostOffice) -> None:
    refused(there, there.with_redis(None).perform(RESTART), "gate_5_no_key")
    settled(there.with_redis(None).perform("ssh web-1 uptime"), "investigated")


def test_shadow_mode_records_what_it_would_run_and_reports_blocked(there: HostOffice) -> None:
    report = there.with_gateway(shadow=True).perform(RESTART)
    row = refused(there, report, "gate_5_shadow")
    assert (row.decision, row.argv) == ("shadow", [["systemctl", "restart", "nginx.service"]])


def test_a_host_that_the_fleet_does_not_have_is_blocked_with_candidates(there: HostOffice) -> None:
    report = settled(there.perform("ssh web-7 'systemctl restart nginx'"), "blocked", "target_not_found")
    assert "web-1" in (report.hint or "")
    assert [(row.host, row.gate_code) for row in there.audit(report)] == [("web-7", "host_unknown")]


def test_the_auto_approvers_trust_is_the_policys(there: HostOffice) -> None:
    machine = there.office.services.policy.auto_approver
    wary = there.with_policy(auto_approver=machine.model_copy(update={"trust": 0.4}))
    report = wary.office.run(wary.approved_by_machine(RESTART))
    refused(there, report, "gate_4_trust_too_low")
    # A person's signature is full trust, whoever asked.
    settled(wary.perform(RESTART, requested_by=AUTO_APPROVER), "success")
    trusting = there.with_policy(auto_approver=machine.model_copy(update={"trust": 0.5}))
    settled(trusting.office.run(trusting.approved_by_machine(RESTART)), "success")
    assert there.host.effects == ("restart nginx.service",) * 2


def test_a_user_whom_the_host_refuses_is_a_failure_without_retries(there: HostOffice) -> None:
    report = settled(there.with_host(user="nobody-here").perform(RESTART), "failed", "permanent")
    assert "refuses the user" in report.message
    assert there.host.calls == ()


def test_a_host_that_cannot_be_reached_is_tried_again_and_then_a_failure(there: HostOffice) -> None:
    there.host.wire.close()
    report = settled(there.perform(RESTART), "failed", "transient")
    assert "cannot be reached" in report.message
    assert there.host.calls == ()


def test_a_supervisors_own_restart_before_sending_is_no_failure(there: HostOffice) -> None:
    restarts = []

    def supervisor(point: str) -> None:
        if point.startswith("intent:") and not restarts:
            restarts.append(point)
            with there.host.state() as state:
                state["units"]["nginx.service"]["InvocationID"] = "f" * 32

    approval_id = there.office.approved(RESTART, requested_by=ADMINISTRATOR)
    report = settled(there.run(approval_id, at=supervisor), "success")
    assert restarts
    assert there.host.effects == ("restart nginx.service",)
    assert [step.attempts for step in report.steps] == [1], "what was kept back is no attempt"


def test_a_service_that_never_stays_as_planned_is_not_planned_for_ever(there: HostOffice) -> None:
    planned = []

    def supervisor(point: str) -> None:
        if point == "planned":
            planned.append(point)
        if point.startswith("intent:"):
            with there.host.state() as state:
                state["units"]["nginx.service"]["InvocationID"] = f"{len(planned):032x}"

    approval_id = there.office.approved(RESTART, requested_by=ADMINISTRATOR)
    report = there.run(approval_id, at=supervisor)
    assert (report.outcome, len(planned)) == ("failed", 2)
    assert there.host.effects == ()


def test_a_prune_with_nothing_to_prune_is_a_success(there: HostOffice) -> None:
    settled(there.perform("ssh web-1 'docker image prune -f'"), "success")
    report = settled(there.perform("ssh web-1 'docker image prune -f'"), "success")
    assert report.steps == ()
    assert [finding.code for finding in report.findings] == ["nothing_to_do"]
    assert len([effect for effect in there.host.effects if effect.startswith("prune")]) == 1


def test_after_a_lost_answer_it_is_told_what_the_supervisor_may_have_done(there: HostOffice) -> None:
    there.host.fault("cut", "systemctl", "restart", when="after")
    report = settled(there.perform(RESTART), "success")
    assert "supervisor" in report.message
    assert "supervisor" not in settled(there.perform(RESTART), "success").message


def test_who_may_not_prune_is_refused_also_where_there_is_nothing_to_prune(there: HostOffice) -> None:
    settled(there.perform("ssh web-1 'docker image prune -f'"), "success")
    report = there.perform("ssh web-1 'docker image prune -f'", requested_by="carol")
    assert report.outcome == "blocked", report.message
