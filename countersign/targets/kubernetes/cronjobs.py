"""What is to be known before a CronJob is suspended, goes on, or is run by hand."""

from collections.abc import Iterable, Mapping
from typing import Any

from countersign.actions.operation import Verb
from countersign.targets.kubernetes.job_criteria import SUSPEND
from countersign.targets.model import Finding, ObjectRef, Severity, Step
from countersign.texts import text


def cronjob_findings(ref: ObjectRef, live: Mapping[str, Any], steps: Iterable[Step], verb: Verb) -> Iterable[Finding]:
    """Judge what the plan's steps do to the schedule of `live`."""
    spec, running = live["spec"], len((live.get("status") or {}).get("active") or ())
    if verb is Verb.CREATE_JOB:
        if running and spec.get("concurrencyPolicy") in ("Forbid", "Replace"):
            said = text("finding.jobs_run_already", count=running, object=ref)
            yield Finding(Severity.WARNING, "jobs_running", said)
        return
    wanted = next((fields[SUSPEND] for step in steps if SUSPEND in (fields := step.wanted.get("fields") or {})), None)
    if wanted and running:
        said = text("finding.jobs_go_on", count=running, object=ref)
        yield Finding(Severity.INFO, "jobs_running", said)
    if wanted is not None and not wanted and spec.get("startingDeadlineSeconds") is None:
        said = text("finding.missed_run_starts", object=ref)
        yield Finding(Severity.WARNING, "missed_run_starts", said)
