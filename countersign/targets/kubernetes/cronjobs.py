"""What is to be known before a CronJob is suspended, goes on, or is run by hand."""

from collections.abc import Iterable, Mapping
from typing import Any

from countersign.actions.operation import Verb
from countersign.targets.kubernetes.job_criteria import SUSPEND
from countersign.targets.model import Finding, ObjectRef, Severity, Step


def cronjob_findings(ref: ObjectRef, live: Mapping[str, Any], steps: Iterable[Step], verb: Verb) -> Iterable[Finding]:
    """Judge what the plan's steps do to the schedule of `live`."""
    spec, running = live["spec"], len((live.get("status") or {}).get("active") or ())
    if verb is Verb.CREATE_JOB:
        if running and spec.get("concurrencyPolicy") in ("Forbid", "Replace"):
            text = (
                f"{running} jobs of {ref} run already, and its concurrencyPolicy does not keep one made by hand out."
            )
            yield Finding(Severity.WARNING, "jobs_running", text)
        return
    wanted = next((fields[SUSPEND] for step in steps if SUSPEND in (fields := step.wanted.get("fields") or {})), None)
    if wanted and running:
        text = f"{running} jobs of {ref} run: suspending it does not stop them."
        yield Finding(Severity.INFO, "jobs_running", text)
    if wanted is not None and not wanted and spec.get("startingDeadlineSeconds") is None:
        text = f"{ref} has no startingDeadlineSeconds: a run that was missed meanwhile starts at once."
        yield Finding(Severity.WARNING, "missed_run_starts", text)
