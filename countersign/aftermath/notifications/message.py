"""What a message says: one pure function from an execution to a title and named facts, most important first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from countersign.aftermath.incidents.incident_of import incident_id_of
from countersign.execution.channels import ROLLED_BACK
from countersign.execution.report import Report
from countersign.masking import masked
from countersign.records.tables import Approval, Execution, OperationLog, Signature
from countersign.texts import catalogue, text
from countersign.texts.durations import duration

IMPACT = ("affected_pods", "estimated_downtime", "related_services", "data_impact")


@dataclass(frozen=True)
class Told:
    """Everything that a message is made of."""

    approval: Approval
    execution: Execution
    report: Report
    signatures: Sequence[Signature] = ()
    log: OperationLog | None = None
    page: str | None = None
    """Address of the run's page."""

    @property
    def outcome(self) -> str:
        """The outcome as channels choose by it."""
        return ROLLED_BACK if self.execution.rolls_back else self.report.outcome


@dataclass(frozen=True)
class Message:
    """A title, and facts in the order in which a reader needs them. Plain text: whoever renders it escapes it."""

    title: str
    facts: tuple[tuple[str, str], ...]
    """(name, value), no value empty."""

    def with_values(self, most: int, count: int | None = None) -> "Message":
        """Return the message with its first `count` facts and no value longer than `most` characters."""
        return replace(self, facts=tuple((name, middle_cut(value, most)) for name, value in self.facts[:count]))


def middle_cut(value: str, most: int) -> str:
    """Return `value`, or its beginning and its end with an ellipsis between, `most` (at least 1) characters long."""
    if len(value) <= most:
        return value
    tail = (most - 1) // 3
    return value[: most - 1 - tail] + "…" + (value[-tail:] if tail else "")


def message_of(told: Told, language: str) -> Message:
    """Return what is said about an execution in `language`; what looks like a secret in it is masked."""

    def say(key: str, **values: object) -> str:
        return text(key, language=language, **values)

    approval, report, log = told.approval, told.report, told.log
    status = say(_status_key(told))
    what = ", ".join(report.targets) or approval.action
    facts = [
        (say("report.outcome"), status),
        (say("report.message" if report.success else "telling.error"), report.message),
        (say("report.hint"), report.hint),
        (say("break_glass.uses"), "; ".join(report.break_glass)),
        (say("report.action"), approval.action),
        (say("telling.execution"), short_id(told.execution)),
        (say("telling.risk"), say(f"risk.{approval.risk_level}")),
        (say("telling.requester"), approval.requested_by),
        (say("report.signers"), "; ".join(_signed(one, language) for one in told.signatures)),
        (say("telling.required_signatures"), str(approval.required_signatures)),
        (say("telling.operation"), log.operation_type if log else ""),
        (say("report.targets"), ", ".join(report.targets)),
        (say("telling.namespace"), log.namespace if log else ""),
        (say("telling.blast_radius"), _impact(approval.blast_radius, language)),
        (say("report.duration"), _duration(report, language)),
        (say("telling.incident"), incident_id_of(approval)),
        (say("telling.description"), approval.description),
        (say("telling.run"), told.page),
    ]
    return Message(
        title=_line(say("report.title", outcome=status, action=masked(what))),
        facts=tuple((name, line) for name, value in facts if (line := _line(masked(value or "")))),
    )


def short_id(execution: Execution) -> str:
    """Return what identifies an execution to people, and a repeated message to whoever reads it twice."""
    return execution.id.hex[-12:]


def _status_key(told: Told) -> str:
    if told.execution.rolls_back is not None:
        if told.report.outcome == "blocked":
            return "telling.not_rolled_back"
        return "telling.rolled_back" if told.report.success else "telling.rollback_failed"
    if told.report.outcome == "blocked":
        # The server's own dry run, or what else preflight saw: said by its code.
        return "telling.blocked_by_dry_run" if told.report.code == "preflight" else "telling.blocked"
    return f"outcome.{told.report.outcome}"


def _signed(signature: Signature, language: str) -> str:
    comment = f" ({signature.comment})" if signature.comment else ""
    return f"{signature.signer}: {text(f'decision.{signature.decision}', language=language)}{comment}"


def _impact(blast_radius: Mapping[str, Any], language: str) -> str:
    parts = []
    for name in IMPACT:
        value = blast_radius.get(name)
        if value in (None, "", []):
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        if name == "data_impact" and f"data_impact.{shown}" in catalogue("en"):
            shown = text(f"data_impact.{shown}", language=language)
        parts.append(f"{text(f'telling.{name}', language=language)}: {shown}")
    return "; ".join(parts)


def _duration(report: Report, language: str) -> str:
    if report.duration_ms is None:
        return ""
    return duration(report.duration_ms, language=language)


def _line(value: str) -> str:
    return " ".join(value.split())
