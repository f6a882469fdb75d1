"""The end of a run: the report is made from what is known, and put on record with the outcome in one transaction."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session

from countersign.actions.operation import Investigation, Observation
from countersign.execution.conclusion import Conclusion
from countersign.execution.evidence import evidence_of
from countersign.execution.next_steps import steps_after
from countersign.execution.progress import Progress, StepResult
from countersign.execution.report import CheckReport, FindingReport, Report, StepReport
from countersign.execution.run_state import Known
from countersign.execution.wording import named_in
from countersign.masking import masked_values
from countersign.metrics.worker import RUNS
from countersign.records.break_glass import uses_of
from countersign.records.database.engine import transaction
from countersign.records.operation_log import UNPARSED, LogFacts
from countersign.records.outcomes import Outcome
from countersign.records.settlement import settle
from countersign.records.tables import Execution
from countersign.texts import text
from countersign.texts.durations import duration


def put_on_record(
    engine: Engine,
    known: Known,
    conclusion: Conclusion,
    progress: Progress,
    *,
    dry_run: bool = False,
    rolls_back: UUID | None = None,
) -> Report:
    """Settle the execution and return its report. Raises StaleFence if another run settled it or took it over.

    `rolls_back` is the execution that this one takes back, if it does.
    """
    with transaction(engine) as session:
        report = settle_as(session, known, conclusion, progress, dry_run=dry_run, rolls_back=rolls_back)
    RUNS.count(kind="rollback" if rolls_back else "dry_run" if dry_run else "execution", outcome=report.outcome)
    return report


def settle_as(
    session: Session,
    known: Known,
    conclusion: Conclusion,
    progress: Progress,
    *,
    dry_run: bool = False,
    rolls_back: UUID | None = None,
) -> Report:
    """Do what `put_on_record` does, in the caller's transaction."""
    if known.taken_over:
        # What an earlier owner got past stands on record alone.
        before = (use.said for use in uses_of(session, known.owned.execution_id))
        known.break_glass = tuple(dict.fromkeys((*before, *known.break_glass)))
    report = build_report(known, conclusion, progress, dry_run=dry_run, rolls_back=rolls_back, now=datetime.now(UTC))
    facts = log_facts(known, report)
    settled = settle(
        session,
        known.owned,
        outcome=conclusion.outcome,
        error=None if report.success else report.message,
        stderr=report.evidence.stderr if report.evidence else None,
        report=report.model_dump(mode="json"),
        facts=facts,
        title=text(f"rollback.{_word(conclusion)}") if rolls_back else None,
        description=_told(report, facts),
        steps=()
        if conclusion.outcome is Outcome.POSTPONED
        else steps_after(dry_run=dry_run, rollback=rolls_back is not None),
        soonest=conclusion.not_before,
        look_again=_may_still_land(known, conclusion, progress),
    )
    return report if settled.first else Report.model_validate(settled.report)


def _told(report: Report, facts: LogFacts) -> str:
    """Return what the timeline says of the end: what came of which operation, in what time and how many tries."""
    if report.duration_ms is None or facts.operation_type == UNPARSED:
        return report.message
    said, took, tries = report.message, duration(report.duration_ms), facts.attempts
    return text("timeline.ended", message=said, operation=facts.operation_type, took=took, tries=tries)


def _may_still_land(known: Known, conclusion: Conclusion, progress: Progress) -> bool:
    """Return whether a request that had no answer may still land: a proxy or the API server may have kept it.
    A command on a host ends with its time limit, which the host was watched for.
    """
    if conclusion.outcome not in (Outcome.FAILED, Outcome.BLOCKED, Outcome.CANCELLED):
        return False
    if known.plan is None or any(ref.kind == "Host" for ref in known.plan.refs):
        return False
    return bool(progress.given_up)


def _word(conclusion: Conclusion) -> str:
    match conclusion.outcome:
        case Outcome.SUCCESS:
            return "succeeded"
        case Outcome.UNKNOWN:
            return "unknown"
        case Outcome.BLOCKED:
            return "not_made"
        case _:
            return "failed"


def build_report(
    known: Known,
    conclusion: Conclusion,
    progress: Progress,
    *,
    dry_run: bool,
    now: datetime,
    rolls_back: UUID | None = None,
) -> Report:
    """Return the report of a run that came to `conclusion`."""
    plan, resolution = known.plan, known.resolution
    refs = plan.refs if plan else resolution.refs if resolution else None
    targets = named_in(known.approval.target) if refs is None else tuple(map(str, refs))
    found = tuple(ref.name for ref in resolution.refs) if resolution else ()
    report = Report(
        approval_id=str(known.approval.id),
        action=known.approval.action,
        outcome=conclusion.outcome.value,
        success=conclusion.outcome.is_success,
        message=conclusion.message,
        hint=conclusion.hint,
        code=conclusion.code,
        dry_run=dry_run,
        rolls_back=str(rolls_back) if rolls_back else None,
        execution_id=str(known.owned.execution_id),
        operation=known.description,
        targets=targets,
        requested_names=resolution.requested if resolution and resolution.requested != found else (),
        plan_hash=plan.hash if plan else None,
        policy_number=known.policy.number if known.policy else None,
        policy_hash=known.policy.hash if known.policy else None,
        signers=known.signers,
        checks=tuple(CheckReport(name=c.name, passed=c.passed, reason=c.reason) for c in known.checks),
        break_glass=known.break_glass,
        findings=tuple(FindingReport(severity=f.severity, code=f.code, message=f.message) for f in known.findings),
        steps=tuple(
            StepReport(
                key=step.key,
                title=step.title,
                result="planned" if dry_run else progress.results.get(step.key, StepResult.NOT_SENT).value,
                attempts=progress.attempts.get(step.key, 0),
            )
            for step in (plan.steps if plan else ())
        ),
        evidence=evidence_of(known.evidence, progress),
        attempts=known.attempts,
        started_at=known.started_at,
        finished_at=now,
    )
    # All of it at once: names, checks, findings and answers of the target quote what was asked for.
    return Report.model_validate(masked_values(report.model_dump()))


def log_facts(known: Known, report: Report) -> LogFacts:
    """Return what the operation log says about the operation."""
    match known.reading:
        case None:
            operation_type = UNPARSED
        case Observation():
            operation_type = "observation"
        case Investigation():
            operation_type = "investigation"
        case reading:
            operation_type = str(known.description.get("operation") or known.description.get("tool") or reading)
    asked = (known.approval.target or {}).get("namespace")
    refs = known.plan.refs if known.plan else ()
    namespaces = {ref.namespace for ref in refs if ref.namespace} or {name for name in (asked,) if name}
    return LogFacts(
        operation_type=operation_type,
        target=", ".join(report.targets) or None,
        namespace=", ".join(sorted(namespaces)) or None,
        attempts=max([known.attempts, *(step.attempts for step in report.steps)]),
        output={"message": report.message, "plan_hash": report.plan_hash},
        tags=(report.outcome, f"risk:{known.approval.risk_level}"),
    )


def first_report(execution: Execution) -> Report:
    """Return the report of a settled execution to a run that came later."""
    return Report.model_validate({**(execution.report or {}), "performed_by_this_run": False})
