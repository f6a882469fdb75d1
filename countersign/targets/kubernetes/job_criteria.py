"""Did a Job that was made run, and does a CronJob start Jobs or not, as was asked?"""

from collections.abc import Iterator

from countersign.targets.criteria import Case, Criterion, Facts, Standing
from countersign.targets.model import ObjectRef, Step
from countersign.texts import text

SUSPEND = "/spec/suspend"


def suspends(step: Step) -> bool:
    """Tell whether a step suspends a CronJob, or lets it go on."""
    return step.ref.kind == "CronJob" and SUSPEND in (step.wanted.get("fields") or {})


def schedule_criteria(case: Case, ref: ObjectRef, step: Step) -> Iterator[Criterion]:
    """Judge whether the CronJob's schedule stands still, or runs, as the step wants it."""
    facts, wanted = case.now(ref.key), bool(step.wanted["fields"][SUSPEND])
    if bool((facts.get("spec") or {}).get("suspend")) is not wanted:
        reason = text("criterion.not_suspended" if wanted else "criterion.still_suspended", object=ref)
        yield Criterion(Standing.FAILED, reason, final=True)
        return
    yield Criterion(Standing.MET, text("criterion.suspended" if wanted else "criterion.scheduled", object=ref))
    running = len(_active(facts))
    if wanted and running:
        yield Criterion(Standing.NOTE, text("criterion.jobs_running", object=ref, count=running))


def created_criteria(case: Case, step: Step) -> Iterator[Criterion]:
    """Judge the Job that the step made: done, failed, or still at work."""
    facts = case.now(step.ref.key)
    if not facts.get("exists"):
        # It may be done and cleared away; what it came to, nobody shows any more.
        yield Criterion(Standing.UNTOLD, text("criterion.job_gone", object=step.ref))
        return
    conditions, status = facts.get("conditions") or {}, facts.get("status") or {}
    if _is_true(conditions, "Failed"):
        reason = text("criterion.job_failed", object=step.ref, reason=conditions["Failed"].get("reason") or "Failed")
        yield Criterion(Standing.FAILED, reason, final=True)
    elif _is_true(conditions, "Complete"):
        yield Criterion(Standing.MET, text("criterion.job_complete", object=step.ref), final=True)
    elif status.get("failed"):
        reason = text("criterion.job_retries", object=step.ref, count=status["failed"])
        yield Criterion(Standing.FAILED if case.over else Standing.PENDING, reason, under_way=True)
    elif status.get("active"):
        standing = Standing.MET if case.over else Standing.PENDING
        yield Criterion(standing, text("criterion.job_running", object=step.ref), under_way=True)
    else:
        standing = Standing.FAILED if case.over else Standing.PENDING
        yield Criterion(standing, text("criterion.job_waiting", object=step.ref), under_way=True)


def _is_true(conditions: Facts, type_: str) -> bool:
    return bool((conditions.get(type_) or {}).get("status") == "True")


def _active(facts: Facts) -> list[object]:
    active = (facts.get("status") or {}).get("active")
    return list(active) if isinstance(active, list) else []
