"""Would it run now? The same answer as the run's own checks give, with the rule and the time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import yaml
from sqlalchemy import text

from countersign.execution.explanation import Answer, Explanation, explain
from countersign.execution.filing import Request, file_request
from countersign.policy.loading import load_policy
from countersign.records.approvals import get_approval
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.queries import executions_of
from tests.execution.conftest import Office

RESTART = "kubectl rollout restart deployment/api -n prod"


def explained(office: Office, approval_id: UUID) -> Explanation:
    with transaction(office.services.engine) as session:
        approval = get_approval(session, approval_id)
    return explain(office.services, approval)


def against(found: Explanation) -> list[Answer]:
    return [answer for answer in found.answers if not answer.passed]


def with_rules(office: Office, **rules: object) -> Office:
    document = yaml.safe_load(office.household.policy)
    return office.with_policy(load_policy(yaml.safe_dump({**document, **rules})))


def test_what_would_run_is_said_with_every_question_and_leaves_no_trace(office: Office) -> None:
    expires = datetime.now(UTC) + timedelta(hours=1)
    approval = office.approved(RESTART, expires_at=expires)
    office.cluster.log.clear()
    found = explained(office, approval)
    assert found.runs, against(found)
    assert [answer.rule for answer in found.answers] == [
        "approval", "signatures", "kill_switch", "operation", "protected", "freeze_window", "rate",
        "scale_factor", "scale_to", "affected_pods", "preflight",
    ]  # fmt: skip
    assert found.answers[0].until == expires.strftime("%Y-%m-%d %H:%M:%S UTC")
    assert not office.cluster.log.mutations()
    with transaction(office.services.engine) as session:
        assert not executions_of(session, approval)
    assert office.run(approval).success


def test_a_freeze_is_named_with_its_end_and_refuses_the_run_in_the_same_words(office: Office) -> None:
    window = {"reason": "year-end closing", "start": "2020-01-01T00:00:00Z", "end": "2100-01-01T08:00:00+08:00"}
    frozen = with_rules(office, freeze_windows=[window])
    approval = frozen.approved(RESTART)
    [answer] = against(explained(frozen, approval))
    assert (answer.rule, answer.reason) == ("freeze_window", "a freeze is on: year-end closing")
    assert answer.until == "2100-01-01 00:00 UTC"
    report = frozen.run(approval)
    assert (report.code, report.message) == ("policy", answer.reason)


def test_a_rate_is_named_with_the_moment_at_which_there_is_room_again(office: Office) -> None:
    limited = with_rules(office, max_actions_per_target_and_hour=2)
    for _ in range(2):
        assert limited.perform(RESTART).success
    with transaction(office.services.engine) as session:
        first = session.execute(text("SELECT min(acquired_at) FROM target_hold")).scalar_one()
    approval = limited.approved(RESTART)
    [answer] = against(explained(limited, approval))
    assert (answer.rule, answer.reason) == ("rate", "2 actions on this target in the last hour, 2 are allowed")
    assert answer.until == (first + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S UTC")
    assert limited.run(approval).message == answer.reason


def test_every_rule_that_is_against_it_is_named_at_once(office: Office) -> None:
    strict = with_rules(office, allowed_operations={"medium": ["scale"]}, protected_namespaces=["prod"])
    approval = strict.approved("kubectl scale deployment/api --replicas=40 -n prod")
    strict = with_rules(
        strict, allowed_operations={"medium": []}, protected_namespaces=["prod"], max_scale_to=10, max_scale_factor=2
    )
    with transaction(office.services.engine) as session:
        set_kill_switch(session, True, by="ann", reason="an outage")
    rules = [answer.rule for answer in against(explained(strict, approval))]
    assert rules == ["kill_switch", "operation", "protected", "scale_factor", "scale_to"]


def test_what_nobody_signed_and_what_has_expired_say_so(office: Office) -> None:
    request, now = Request(action=RESTART, requested_by="carol"), datetime.now(UTC)
    with transaction(office.services.engine) as session:
        clusters = office.services.clusters
        pending = file_request(session, request, policy=office.services.policy, now=now, clusters=clusters).approval
    rules = [answer.rule for answer in against(explained(office, pending.id))]
    assert rules == ["approval", "signatures"]
    soon = office.approved(RESTART, expires_at=datetime.now(UTC) + timedelta(seconds=0.2))
    while not against(found := explained(office, soon)):
        pass
    [answer] = against(found)
    assert (answer.rule, answer.reason.startswith("The approval expired at")) == ("approval", True)


def test_what_the_cluster_says_against_it_is_named(office: Office) -> None:
    found = explained(office, office.approved("kubectl rollout restart deployment/absent -n prod"))
    [answer] = against(found)
    assert answer.rule == "target"
    assert "absent" in answer.reason
    unreachable = replace(
        office, services=replace(office.services, clusters=replace(office.services.clusters, by_name={}))
    )
    [answer] = against(explained(unreachable, office.approved(RESTART)))
    assert (answer.rule, answer.reason) == (
        "action",
        "It was signed for the cluster 'sandbox', which does not exist any more.",
    )


def test_a_hosts_action_is_asked_about_as_far_as_no_host_is_needed(office: Office) -> None:
    approval = office.approved("ssh web-1 'systemctl restart nginx'")
    found = explained(office, approval)
    assert found.answers[-1].rule == "target"
    assert "--dry-run" in found.answers[-1].reason
