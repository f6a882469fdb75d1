"""What happens to executions: counted where they run."""

from typing import Final

from countersign.metrics.family import BOTH, WORKER, Counter, Gauge, Histogram, Label, of

_SHORT: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LONG: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)
OUTCOMES: Final = (
    "success",
    "failed",
    "parse_failure",
    "no_action",
    "investigated",
    "blocked",
    "unknown",
    "dry_run",
    "cancelled",
    "postponed",
)
STEPS: Final = (
    "notify",
    "reply_on_card",
    "verify",
    "learn",
    "roll_back",
    "deposit_knowledge",
    "extract_playbook",
    "record_disposition",
    "resolve_incident",
    "close_log",
)
PHASES: Final = ("plan", "intend", "effect", "settle", "claim_to_effect", "claim_to_outcome")

RUNS: Final = Counter(
    "countersign_runs_total",
    "Executions that came to an outcome.",
    of("kind", ("execution", "rollback", "dry_run")),
    of("outcome", OUTCOMES),
    where=WORKER,
)
CLAIMS: Final = Counter(
    "countersign_claims_total",
    "Executions that a run made its own; taken over is what another worker left.",
    of("result", ("claimed", "taken_over")),
    where=WORKER,
)
PHASE_SECONDS: Final = Histogram(
    "countersign_phase_seconds",
    "Parts of an execution: plan (from the claim to the plan on record), intend (to the first intent), effect (to "
    "the last answer), settle (to the outcome); claim_to_effect and claim_to_outcome are sums.",
    of("phase", PHASES),
    where=WORKER,
    buckets=_LONG,
)
RETRIES: Final = Counter(
    "countersign_retries_total", "Further attempts at a phase that failed for the time being.", where=WORKER
)
LEASES_LOST: Final = Counter(
    "countersign_leases_lost_total",
    "Executions and steps that went to another runner while this one was at them.",
    of("of", ("execution", "step")),
    where=WORKER,
)
INTENTS: Final = Counter(
    "countersign_intents_total", "Requests that were put on record before they were sent.", where=WORKER
)
ANSWERS: Final = Counter(
    "countersign_answers_total",
    "What became of the requests that were put on record.",
    of("answer", ("landed", "not_landed", "unclear", "refused", "retry", "not_sent")),
    where=WORKER,
)
VERDICTS: Final = Counter(
    "countersign_verdicts_total",
    "What verification found.",
    of("verdict", ("effective", "ineffective", "worse", "unverifiable")),
    where=WORKER,
)
STEPS_ENDED: Final = Counter(
    "countersign_steps_total",
    "Attempts at steps after an execution; pending is tried again, dead is not.",
    of("step", STEPS),
    of("result", ("done", "skipped", "pending", "dead")),
    where=WORKER,
)
STEP_SECONDS: Final = Histogram(
    "countersign_step_seconds",
    "Attempts at steps that ended well.",
    of("step", STEPS),
    where=WORKER,
    buckets=(0.025, 0.1, 0.5, 1, 5, 15, 30, 60, 180),
)
TARGET_REQUESTS: Final = Counter(
    "countersign_target_requests_total",
    "Requests to clusters and commands on hosts. Status: the class of an HTTP status, whether a command's exit code "
    "was 0, none where no answer came.",
    Label("target"),
    of("operation", ("read", "dry_run", "change", "command")),
    of("status", ("2xx", "3xx", "4xx", "5xx", "exit_0", "exit_other", "none")),
    where=BOTH,
)
TARGET_SECONDS: Final = Histogram(
    "countersign_target_request_seconds",
    "How long requests to clusters and commands on hosts took.",
    of("operation", ("read", "dry_run", "change", "command")),
    where=BOTH,
    buckets=_SHORT,
)
NOTIFICATIONS: Final = Counter(
    "countersign_notifications_total",
    "Messages to channels about outcomes; card is the reply on an alert's card.",
    Label("channel", most=30),
    of("result", ("sent", "failed")),
    where=WORKER,
)
WEBHOOKS: Final = Counter(
    "countersign_webhook_deliveries_total",
    "Events sent to webhooks; failed is tried again, dead is not.",
    of("result", ("sent", "failed", "dead")),
    where=WORKER,
)
WORKER_RUNS: Final = Gauge("countersign_worker_runs", "Flow runs in this worker at the moment.", where=WORKER)
WORKER_LIMIT: Final = Gauge(
    "countersign_worker_runs_limit", "How many flow runs this worker takes; +Inf without a limit.", where=WORKER
)
