"""What one execution and the steps after it are counted as."""

from tests.aftermath.following import follow
from tests.execution.conftest import Office
from tests.metrics.numbers import counted

RESTART = "kubectl rollout restart deployment/api -n prod"


def test_an_execution_and_its_steps(office: Office) -> None:
    approval_id = office.approved(RESTART)
    with counted() as added:
        follow(office, office.run(approval_id))
    expected = {
        'countersign_runs_total{kind="execution",outcome="success"}': 1,
        "countersign_intents_total": 1,
        'countersign_answers_total{answer="landed"}': 1,
        'countersign_verdicts_total{verdict="effective"}': 1,
        'countersign_steps_total{result="done",step="verify"}': 1,
        'countersign_step_seconds_count{step="verify"}': 1,
        'countersign_audit_events_total{event="execution:intent:written"}': 1,
        'countersign_audit_events_total{event="execution:outcome:settled"}': 1,
    }
    assert {name: added.get(name) for name in expected} == expected
    target = office.services.clusters.default
    assert added[f'countersign_target_requests_total{{operation="change",status="2xx",target="{target}"}}'] == 1
    assert added[f'countersign_target_requests_total{{operation="read",status="2xx",target="{target}"}}'] > 1
    assert added['countersign_target_request_seconds_count{operation="change"}'] == 1


def test_what_is_not_done_is_counted_by_its_outcome(office: Office) -> None:
    approval_id = office.approved("kubectl rollout restart deployment/api; rm -rf /")
    with counted() as added:
        office.run(approval_id)
    assert added['countersign_runs_total{kind="execution",outcome="parse_failure"}'] == 1
    assert "countersign_intents_total" not in added


def test_a_dry_run_is_counted_as_one(office: Office) -> None:
    approval_id = office.approved(RESTART)
    with counted() as added:
        office.run(approval_id, dry_run=True)
    assert added['countersign_runs_total{kind="dry_run",outcome="dry_run"}'] == 1
    assert "countersign_intents_total" not in added
