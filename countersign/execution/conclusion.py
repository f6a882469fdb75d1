"""From what happened to the outcome: one pure decision, so that no path can report its own truth."""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from countersign.actions.operation import HostOperation, Investigation, KubernetesOperation, Observation
from countersign.errors import (
    ConfigurationError,
    CountersignError,
    GateRefused,
    InternalError,
    OutcomeUnknown,
    ParseFailure,
    PolicyRefused,
    PreflightRefused,
    Refused,
    Stopped,
    TargetHeld,
    TargetNotFound,
)
from countersign.execution.progress import NOTHING, Progress
from countersign.execution.run_state import Known
from countersign.execution.wording import done, named
from countersign.records.outcomes import Outcome
from countersign.records.states import WhenBlocked
from countersign.targets.hosts.tools.model import Scope
from countersign.targets.hosts.tools.registry import TOOLS
from countersign.targets.model import DOUBT, Plan, Severity
from countersign.texts import text


@dataclass(frozen=True)
class Conclusion:
    """An outcome with the sentence that explains it."""

    outcome: Outcome
    message: str
    code: str | None = None
    """The error's stable name; None after a success."""
    hint: str | None = None
    not_before: datetime | None = None
    """Of what is postponed: when it makes sense to try again, where that is known."""


def conclude(
    error: CountersignError | None, known: Known, progress: Progress, *, dry_run: bool, may_wait: bool = True
) -> Conclusion:
    """Decide the outcome of a run that ended with `error` (None: it went through) and got as far as `progress`.

    The journal outranks the error: what landed is never called unsent, and a step that may have landed makes the
    outcome unknown whatever else went wrong. Without `may_wait` (a rollback) nothing is put off.
    """
    if progress.uncertain or isinstance(error, OutcomeUnknown):
        return _unknown(error)
    if progress.anything_sent:
        return _after_sending(error, known, progress)
    if error is not None and may_wait and not dry_run and (passing := _passing(error, known)) is not None:
        return passing
    if error is not None:
        return _before_sending(error, known)
    return _went_through(known, dry_run=dry_run)


def _passing(error: CountersignError, known: Known) -> Conclusion | None:
    """Return that it is put off, where what stood in the way is not about the action: it never uses an approval up.
    A refusal that passes puts it off where that was asked for and signed.
    """
    message = text("message.postponed", reason=error.message.rstrip("."))
    if isinstance(error, ConfigurationError) or _keys_away(error, known):
        return Conclusion(Outcome.POSTPONED, message, _code(error, known), error.hint)
    if known.approval.when_blocked is not WhenBlocked.WAIT:
        return None
    match error:
        case PolicyRefused(passing=True, passes_at=moment):
            return Conclusion(Outcome.POSTPONED, message, error.code, not_before=moment)
        case TargetHeld():
            return Conclusion(Outcome.POSTPONED, message, error.code)
        case _:
            return None


def _keys_away(error: CountersignError, known: Known) -> bool:
    """Tell whether the host gateway refused for want of Redis alone, at the gate or when preflight asked."""
    match error:
        case GateRefused(gate_code="keys_unavailable"):
            return True
        case PreflightRefused():
            blocking = [finding.code for finding in known.findings if finding.severity is Severity.BLOCKING]
            return blocking == [f"{GateRefused.code}_5_keys_unavailable"]
        case _:
            return False


def _unknown(error: CountersignError | None) -> Conclusion:
    reason = error.message if error else OutcomeUnknown().message
    return Conclusion(Outcome.UNKNOWN, reason, OutcomeUnknown.code, text("hint.unknown"))


def _after_sending(error: CountersignError | None, known: Known, progress: Progress) -> Conclusion:
    count = len(progress.results)
    if progress.complete and known.plan is not None:
        return _diagnosed(known.plan) if _only_read(known) else _success(known.plan, progress)
    error = error or InternalError("The run ended before every step had landed.")
    reason = error.message
    if progress.landed:
        reason = text("message.partly", landed=progress.landed, count=count, reason=reason)
    elif isinstance(error, Refused):
        return _before_sending(error, known)
    return Conclusion(Outcome.FAILED, reason, error.code, error.hint)


def _before_sending(error: CountersignError, known: Known) -> Conclusion:
    """Nothing took effect: the action was not understood, was refused, or its target was never reached."""
    match error:
        case Stopped():
            return Conclusion(Outcome.CANCELLED, text("message.cancelled"), error.code)
        case ParseFailure():
            outcome = Outcome.PARSE_FAILURE
        case Refused() | TargetNotFound():
            outcome = Outcome.BLOCKED
        case _:
            outcome = Outcome.FAILED
    return Conclusion(outcome, error.message, _code(error, known), error.hint)


def _code(error: CountersignError, known: Known) -> str:
    """Return the error's stable name; for a gate of the host gateway, also one that preflight met, gate and code."""
    match error:
        case GateRefused(gate=gate, gate_code=gate_code):
            return f"{GateRefused.code}_{gate}_{gate_code}"
        case PreflightRefused():
            gates = (finding.code for finding in known.findings if finding.code.startswith(f"{GateRefused.code}_"))
            return next(gates, error.code)
        case _:
            return error.code


def _only_read(known: Known) -> bool:
    """A diagnosis has steps and changes nothing: it must not count as the repair of anything."""
    return isinstance(known.reading, HostOperation) and TOOLS[known.reading.tool].scope is Scope.READ


def _went_through(known: Known, *, dry_run: bool) -> Conclusion:
    match known.reading:
        case Observation(marker=marker):
            return Conclusion(Outcome.NO_ACTION, text("message.no_action", marker=marker))
        case Investigation() | KubernetesOperation() | HostOperation() if dry_run:
            steps = len(known.plan.steps) if known.plan else 0
            return Conclusion(Outcome.DRY_RUN, text("message.dry_run", count=steps))
        case Investigation():
            return _investigated(known)
        case KubernetesOperation() | HostOperation():
            if known.plan is None or known.plan.steps:
                raise ValueError("a mutation that went through has a plan whose steps were sent")
            return _success(known.plan)
        case None:
            raise ValueError("a run that went through has read its action")
        case _:
            assert_never(known.reading)


def _investigated(known: Known) -> Conclusion:
    if known.evidence is None:
        raise ValueError("an investigation that went through has evidence")
    message = text("message.investigated", exit_code=known.evidence.exit_code)
    if known.evidence.exit_code == 0:
        return Conclusion(Outcome.INVESTIGATED, message)
    return Conclusion(Outcome.FAILED, f"{message} {known.evidence.stderr.strip()[:300]}".strip(), "investigation")


def _diagnosed(plan: Plan) -> Conclusion:
    return Conclusion(Outcome.INVESTIGATED, text("message.diagnosed", targets=named(plan.refs)))


def _success(plan: Plan, progress: Progress = NOTHING) -> Conclusion:
    absent = [text("message.not_there", targets=named(plan.absent))] if plan.absent else []
    targets = named(ref for ref in plan.refs if ref not in plan.absent)
    if not plan.steps:
        already = (
            [text("message.already_so", targets=targets[:1].upper() + targets[1:])] if targets or not absent else []
        )
        return Conclusion(Outcome.SUCCESS, " ".join([*already, *absent]))
    # What was seen after a lost answer may have another cause, too.
    seen = (detail.get("seen") or {} for detail in progress.details.values())
    doubts = dict.fromkeys(str(each[DOUBT]) for each in seen if each.get(DOUBT))
    changes = sum(step.changes for step in plan.steps)
    message = text("message.success" if changes == 1 else "message.success_many", done=done(plan), count=changes)
    return Conclusion(Outcome.SUCCESS, " ".join([message, *doubts, *absent]))
