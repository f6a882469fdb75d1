"""The case that an execution makes: title, markdown, tags. One pure function: it reads the same every time."""

from collections.abc import Iterable, Mapping
from typing import Any

from countersign.aftermath.incidents.incident_of import alert_of
from countersign.escaping import code_span, markdown
from countersign.execution.report import Report
from countersign.masking import masked
from countersign.records.knowledge import CASE, EXECUTION, Case
from countersign.records.outcomes import Outcome
from countersign.records.states import Verdict
from countersign.records.tables import Approval, Execution, Incident
from countersign.texts import text

AUTO_OK, AUTO_FAIL, MANUAL = "approval_auto_ok", "approval_auto_fail", "approval_manual"
UNCATEGORISED = "uncategorised"
TITLE_ACTION = 120
"""Characters of the action in a title."""


def case_of(
    approval: Approval,
    execution: Execution,
    report: Report,
    *,
    incident: Incident | None,
    incident_id: str | None,
    verdict: Verdict | None,
) -> Case:
    """Return the case of a settled execution. `incident_id` may name an incident that is not on record. Pure."""
    assert execution.outcome is not None, "there is a case once there is an outcome"
    auto, outcome = bool(approval.auto_approved), execution.outcome
    mode = "auto" if auto else "human"
    alert = alert_of(incident, approval)
    category = (incident.alert_category if incident else "") or _word(approval.details, "alert_category")
    action = masked(" ".join(approval.action.split()))
    said = {
        "mode": text(f"knowledge.{mode}"),
        "alert": alert or text("knowledge.no_alert"),
        "outcome": text(f"outcome.{outcome}"),
    }
    path = MANUAL if not auto else AUTO_OK if outcome.is_success else AUTO_FAIL
    facts = {
        "alert": markdown(alert),
        "category": markdown(category),
        "services": markdown(", ".join(_services(approval, incident, report))),
        "command": code_span(action),
        "result": markdown(f"{said['outcome']}. {masked(report.message)}"),
        "verdict": text(f"verdict.{verdict}") if verdict else "",
        "risk": text(f"risk.{approval.risk_level}"),
        "path": text(f"path.{path}"),
        "targets": markdown(", ".join(report.targets)),
        "incident": code_span(incident_id) if incident_id else "",
        "approval": code_span(str(approval.id)),
        "execution": code_span(str(execution.id)),
    }
    lines = [f"- **{text(f'knowledge.{name}')}:** {value}" for name, value in facts.items() if value]
    # Its lines stay lines: two spaces before a line feed break it.
    description = "  \n".join(map(markdown, masked(approval.description.strip()).splitlines()))
    parts = ["\n".join(lines), *([f"## {text('knowledge.description')}\n\n{description}"] if description else [])]
    return Case(
        title=text("knowledge.title", **said, action=action[:TITLE_ACTION] or text("knowledge.no_action")),
        body="\n\n".join(parts) + "\n",
        path_type=path,
        tags=(
            mode,
            outcome.value,
            category or UNCATEGORISED,
            "execution",
            *(() if outcome.is_success else ("execution_failed",)),
        ),
        execution_id=execution.id,
        incident_id=incident_id,
        entry_type=CASE,
        category=category,
        source=EXECUTION,
        author=approval.requested_by,
    )


def makes_a_case(outcome: Outcome) -> bool:
    """Whether there is anything to learn: a run that a person cancelled has shown nothing."""
    return outcome not in (Outcome.CANCELLED, Outcome.DRY_RUN)


def _services(approval: Approval, incident: Incident | None, report: Report) -> Iterable[str]:
    if incident is not None and incident.affected_services:
        return incident.affected_services
    named = approval.blast_radius.get("related_services")
    if isinstance(named, list) and named:
        return map(str, named)
    return report.targets


def _word(details: Mapping[str, Any], name: str) -> str:
    found = details.get(name)
    return found.strip() if isinstance(found, str) else ""
