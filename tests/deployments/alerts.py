"""For each alert: series with which it fires, and series with which it must not. Values are promtool's notation."""

from dataclasses import dataclass, field
from typing import Any

import yaml

Series = dict[str, str]
EVENTS = "countersign_audit_events_total"
RUNS = "countersign_runs_total"


@dataclass(frozen=True)
class Alert:
    """`at` is how many minutes after the start it is looked."""

    fires: Series
    quiet: Series
    at: int = 20
    also: list[Series] = field(default_factory=list)
    """More series with which it must not fire."""


def _while(name: str, *, fires: str, quiet: str, at: int = 20, also: list[Series] | None = None) -> Alert:
    return Alert({name: fires}, {name: quiet}, at, also or [])


ALERTS: dict[str, Alert] = {
    "CountersignWebDown": _while('up{job="countersign-web"}', fires="0x30", quiet="0x18 1x12"),
    "CountersignNoWeb": Alert(
        {'up{job="countersign-web"}': "0x30"}, {'up{job="countersign-web",instance="b"}': "1x30"}
    ),
    "CountersignWorkerDown": _while('up{job="countersign-worker"}', fires="0x30", quiet="0x18 1x12"),
    "CountersignNoWorker": Alert({'up{job="another"}': "1x30"}, {'up{job="countersign-worker"}': "1x30"}),
    "CountersignRecordsUnreadable": Alert(
        {'countersign_records_up{instance="a"}': "0x30", 'countersign_records_up{instance="b"}': "0x30"},
        {'countersign_records_up{instance="a"}': "0x30", 'countersign_records_up{instance="b"}': "1x30"},
    ),
    "CountersignUnknownOutcome": _while("countersign_executions_unknown", fires="0x19 1x10", quiet="0x30"),
    "CountersignMadeWorse": _while(
        'countersign_verdicts_total{verdict="worse"}',
        fires="0x15 1x15",
        quiet="1x30",
        also=[{'countersign_verdicts_total{verdict="ineffective"}': "0+1x30"}],
    ),
    "CountersignExecutionSilent": _while("countersign_executions_silent", fires="1x30", quiet="0x18 1x12", at=19),
    "CountersignQueueStuck": _while(
        "countersign_approvals_oldest_due_seconds",
        fires="0+60x30",
        quiet="200x30",
        also=[{"countersign_approvals_oldest_due_seconds": "0+60x30", "countersign_kill_switch_on": "1x30"}],
    ),
    "CountersignSignaturesWaiting": _while(
        "countersign_approvals_oldest_pending_seconds", fires="3000+60x30", quiet="3000x30"
    ),
    "CountersignStepsOverdue": _while("countersign_steps_oldest_due_seconds", fires="0+60x30", quiet="500x30"),
    "CountersignDeadLetters": _while(
        'countersign_dead_letters{replay="by_hand"}',
        fires="0x19 2x10",
        quiet="0x30",
        also=[{'countersign_dead_letters{replay="by_itself"}': "3x30"}],
    ),
    "CountersignReconciliationStopped": _while(
        "countersign_reconciliation_age_seconds", fires="0+60x40", quiet="15 290 310 15x30"
    ),
    "CountersignAuditNotSealed": _while("countersign_audit_oldest_unsealed_seconds", fires="0+60x30", quiet="2x30"),
    "CountersignTampering": _while(
        f'{EVENTS}{{event="tampering:plan:refused"}}',
        fires="0x15 1x15",
        quiet="1x30",
        also=[{f'{EVENTS}{{event="access:login:refused"}}': "0+1x30"}],
    ),
    "CountersignRefusedAttempts": _while(f'{EVENTS}{{event="access:login:refused"}}', fires="0+3x30", quiet="0+1x30"),
    "CountersignKillSwitchForgotten": _while("countersign_kill_switch_on", fires="1x90", quiet="1x50 0 1x39", at=80),
    "CountersignPolicyToSign": _while(
        "countersign_policy_versions_to_sign", fires="1x1500", quiet="1x1000 0 1x499", at=1470
    ),
    "CountersignRunsFail": Alert(
        {
            f'{RUNS}{{kind="execution",outcome="failed"}}': "0+1x90",
            f'{RUNS}{{kind="execution",outcome="success"}}': "0+1x90",
        },
        {
            f'{RUNS}{{kind="execution",outcome="failed"}}': "0+1x90",
            f'{RUNS}{{kind="execution",outcome="success"}}': "0+9x90",
        },
        at=80,
        # One of two is no trend.
        also=[
            {
                f'{RUNS}{{kind="execution",outcome="failed"}}': "0x60 1x30",
                f'{RUNS}{{kind="execution",outcome="success"}}': "0x60 1x30",
            }
        ],
    ),
    "CountersignSlow": Alert(
        {
            'countersign_phase_seconds_bucket{phase="claim_to_effect",le="60"}': "0x60",
            'countersign_phase_seconds_bucket{phase="claim_to_effect",le="120"}': "0+2x60",
            'countersign_phase_seconds_bucket{phase="claim_to_effect",le="+Inf"}': "0+2x60",
        },
        {
            'countersign_phase_seconds_bucket{phase="claim_to_effect",le="60"}': "0+2x60",
            'countersign_phase_seconds_bucket{phase="claim_to_effect",le="120"}': "0+2x60",
            'countersign_phase_seconds_bucket{phase="claim_to_effect",le="+Inf"}': "0+2x60",
        },
        at=50,
    ),
    "CountersignLeasesLost": Alert(
        {
            'countersign_leases_lost_total{of="step"}': "0x10 2x20",
            'countersign_claims_total{result="taken_over"}': "0x10 3x20",
        },
        {
            'countersign_leases_lost_total{of="step"}': "0x10 1x20",
            'countersign_claims_total{result="taken_over"}': "0x10 1x20",
            'countersign_claims_total{result="claimed"}': "0+9x30",
        },
    ),
    "CountersignWorkerFull": Alert(
        {"countersign_worker_runs": "20x30", "countersign_worker_runs_limit": "20x30"},
        {"countersign_worker_runs": "18x30", "countersign_worker_runs_limit": "20x30"},
    ),
    "CountersignTargetUnreachable": Alert(
        {
            'countersign_target_requests_total{target="a",status="none"}': "0+6x30",
            'countersign_target_requests_total{target="a",status="2xx"}': "0+4x30",
            'countersign_target_requests_total{target="b",status="2xx"}': "0+99x30",
        },
        {
            'countersign_target_requests_total{target="a",status="none"}': "0+4x30",
            'countersign_target_requests_total{target="a",status="4xx"}': "0+6x30",
        },
    ),
    "CountersignNotificationsFail": _while(
        'countersign_notifications_total{channel="slack",result="failed"}',
        fires="0x10 5x20",
        quiet="0x10 2x20",
        also=[{'countersign_notifications_total{channel="slack",result="sent"}': "0+1x30"}],
    ),
    "CountersignWebhooksBehind": _while(
        "countersign_webhooks_oldest_event_seconds", fires="600+60x30", quiet="60x30"
    ),
    "CountersignHttpErrors": Alert(
        {
            'countersign_http_requests_total{status="5xx"}': "0+10x30",
            'countersign_http_requests_total{status="2xx"}': "0+90x30",
        },
        {
            'countersign_http_requests_total{status="5xx"}': "0+1x30",
            'countersign_http_requests_total{status="2xx"}': "0+90x30",
        },
    ),
}


def promtool_tests(rule: dict[str, Any], rule_file: str) -> str:
    """Return promtool's tests of one rule, which is alone in its file: it fires, and it does not."""
    name = rule["alert"]
    alert = ALERTS[name]
    tests = [_test(name, alert.fires, alert.at, [{"value": 1, "labels": "{}"}])]
    tests += [_test(name, series, alert.at, []) for series in (alert.quiet, *alert.also)]
    return yaml.safe_dump({"rule_files": [rule_file], "evaluation_interval": "1m", "tests": tests})


def _test(name: str, series: Series, at: int, expected: list[Any]) -> dict[str, Any]:
    asked = f'count(ALERTS{{alertname="{name}",alertstate="firing"}})'
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "promql_expr_test": [{"expr": asked, "eval_time": f"{at}m", "exp_samples": expected}],
    }
