"""Limits that two people lift: for what was meant, for as long as it was meant, and in the sight of everybody."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from countersign.aftermath.notifications.message import Told, message_of
from countersign.audit.verifying import verify
from countersign.execution.break_glass import end, end_what_is_over
from countersign.execution.direct_run import execute
from countersign.execution.explanation import explain
from countersign.execution.run import Run
from countersign.policy.break_glass_rule import BreakGlassRule, Lift
from countersign.policy.freeze import FreezeWindow
from countersign.policy.risk import RiskLevel
from countersign.policy.roles import Role, RoleGrant
from countersign.records.approvals import get_approval
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.queries import execution_of
from countersign.records.timeline import events_of
from tests.execution.conftest import Office
from tests.execution.glass import WANTED, begun, confirmed, letting, on_record, opened, somebody

RESTART = "kubectl rollout restart deployment/api -n prod"
EVENTS = text("SELECT event FROM audit_event WHERE chain = :chain ORDER BY id")


def frozen(office: Office, **changes: object) -> Office:
    """Return the office in a freeze, with a policy that lets two people lift it."""
    now = datetime.now(UTC)
    window = FreezeWindow(reason="inventory", start=now - timedelta(hours=1), end=now + timedelta(hours=1))
    policy = letting(office.services.policy).model_copy(update={"freeze_windows": (window,), **changes})
    return office.with_policy(policy)


def events(office: Office, chain: object) -> list[str]:
    with transaction(office.services.engine) as session:
        return list(session.execute(EVENTS, {"chain": str(chain)}).scalars())


def test_a_freeze_is_lifted_for_what_was_meant_and_everybody_is_told(office: Office) -> None:
    office = frozen(office)
    assert office.perform(RESTART).outcome == "blocked"
    row = opened(office)
    approval_id = office.approved(RESTART)
    report = office.run(approval_id)
    assert report.success, report.message
    [said] = report.break_glass
    who = f"break-glass {row.id.hex[-8:]} (begun by gwen, confirmed by hugo)"
    assert said == f"lifted by {who}: a freeze is on: inventory"
    freeze = next(each for each in report.checks if each.name == "freeze_window")
    assert (freeze.passed, freeze.reason) == (True, said)
    told = events(office, approval_id)
    assert told.index("approval:break_glass:used") < told.index("execution:intent:written")
    assert events(office, "break_glass") == ["break_glass:limits:begun", "break_glass:limits:confirmed"]
    with transaction(office.services.engine) as session:
        approval, execution = get_approval(session, approval_id), execution_of(session, approval_id)
        lines = [each for each in events_of(session, approval_id=approval_id) if each.type == "break_glass_used"]
        assert [each.description for each in lines] == [said]
        assert execution is not None
        facts = dict(message_of(Told(approval, execution, report), "en").facts)
    assert facts["Lifted by break-glass"] == said
    assert verify(office.services.engine, verifier=None, saved=None).findings == ()


@pytest.mark.parametrize(
    "wanted",
    [
        replace(WANTED, namespace="staging"),
        replace(WANTED, cluster="another"),
        replace(WANTED, operation="scale"),
        replace(WANTED, up_to=RiskLevel.LOW),
        replace(WANTED, lifts=(Lift.RATE,)),
    ],
)
def test_what_was_not_meant_holds(office: Office, wanted: object) -> None:
    office = frozen(office)
    opened(office, wanted)  # type: ignore[arg-type]
    report = office.perform(RESTART)
    assert (report.outcome, report.break_glass) == ("blocked", ())


def test_it_lifts_neither_the_switch_nor_what_is_not_allowed_nor_a_signature(office: Office) -> None:
    office = frozen(office, protected_namespaces=("prod",))
    opened(office)
    assert "protected" in office.perform(RESTART).message
    office = frozen(office)
    pending = office.approved(RESTART, risk="high")
    narrow = office.services.policy.model_copy(update={"signers": office.services.policy.signers[:1]})
    assert "valid signatures are needed" in office.with_policy(narrow).run(pending).message
    approval_id = office.approved(RESTART)
    with transaction(office.services.engine) as session:
        set_kill_switch(session, True, by="eve", reason="stop")
    assert office.run(approval_id).code == "kill_switch"
    with transaction(office.services.engine) as session:
        set_kill_switch(session, False, by="ann", reason="on")


def test_whoever_made_the_request_is_not_its_second_person(office: Office) -> None:
    office = frozen(office)
    confirmed(office, begun(office), by=somebody("carol"))
    assert office.perform(RESTART).outcome == "blocked"
    opened(office)
    assert office.perform(RESTART).success


def test_it_ends_by_hand_with_its_time_and_when_the_policy_says_so(office: Office) -> None:
    office = frozen(office)
    by_hand, over, forbidden = (opened(office) for _ in range(3))
    with transaction(office.services.engine) as session:
        end(session, by_hand.id, by="hugo", reason="it is back")
        end(session, by_hand.id, by="gwen", reason="twice")
    by_hand = on_record(office, by_hand.id)
    assert (by_hand.ended_by, by_hand.end_reason) == ("hugo", "it is back")
    policy = office.services.policy
    elsewhere = RoleGrant(roles=(Role.BREAK_GLASS,), subjects=("hugo",), namespaces=("other",))
    alone = (RoleGrant(roles=(Role.BREAK_GLASS,), subjects=("gwen",)), elsewhere)
    for stricter in (
        policy.model_copy(update={"break_glass": None}),
        policy.model_copy(update={"break_glass": BreakGlassRule(lifts=(Lift.RATE,), longest_minutes=30)}),
        policy.model_copy(update={"break_glass": BreakGlassRule(lifts=tuple(Lift), longest_minutes=9)}),
        policy.model_copy(update={"roles": alone}),
    ):
        assert office.with_policy(stricter).perform(RESTART).outcome == "blocked"
    assert office.perform(RESTART).success
    assert end_what_is_over(office.services) == 0
    assert end_what_is_over(office.with_policy(policy.model_copy(update={"break_glass": None})).services) == 2
    for each in (over, forbidden):
        assert "lets nobody lift a limit" in (on_record(office, each.id).end_reason or "")
    assert office.perform(RESTART).outcome == "blocked"
    assert events(office, "break_glass").count("break_glass:limits:ended") == 3


def test_it_ends_in_the_middle_of_what_it_was_opened_for(office: Office) -> None:
    """Every intent is asked for anew: the second of two restarts finds the freeze again."""
    office = frozen(office)
    row = opened(office)
    approval_id = office.approved("kubectl rollout restart deployment/api deployment/web -n prod")
    services = office.services
    intents = []

    def at(point: str) -> None:
        if point.startswith("answered:"):
            intents.append(point)
            with transaction(services.engine) as session:
                end(session, row.id, by="hugo", reason="enough")

    report = execute(Run(services, approval_id, worker="w1", at=at))
    assert len(intents) == 1 and not report.success
    assert report.message == "Stopped after 1 of 2 steps: a freeze is on: inventory"
    assert [each.result for each in report.steps] == ["landed", "not_sent"]
    assert len(report.break_glass) == 1


def test_what_would_happen_now_says_who_lifts_it(office: Office) -> None:
    office = frozen(office)
    row = opened(office)
    approval_id = office.approved(RESTART)
    with transaction(office.services.engine) as session:
        approval = get_approval(session, approval_id)
        session.expunge(approval)
    found = explain(office.services, approval)
    assert found.runs
    assert any(row.id.hex[-8:] in each.reason for each in found.answers if each.rule == "freeze_window")
    assert events(office, approval_id).count("approval:break_glass:used") == 0


def test_a_limit_of_the_plan_is_lifted_too(office: Office) -> None:
    office = frozen(office, freeze_windows=(), max_scale_factor=1.0)
    scale = "kubectl scale deployment/api --replicas=4 -n prod"
    assert office.perform(scale).outcome == "blocked"
    opened(office, replace(WANTED, lifts=(Lift.SCALE_FACTOR,)))
    report = office.perform(scale)
    assert report.success and len(report.break_glass) == 1
