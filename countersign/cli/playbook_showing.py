"""Printing playbooks and the trust in them, for people and as JSON."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from countersign.aftermath.learning.content import said_by
from countersign.aftermath.learning.trust import Trust
from countersign.cli.questions.answers import WholePlaybook
from countersign.cli.rendering import print_columns
from countersign.records.tables import Playbook, PlaybookChange, PlaybookVersion
from countersign.settings import load_settings
from countersign.texts import text


def trust_facts(trust: Trust) -> dict[str, Any]:
    """Return the trust as JSON values."""
    return {
        "bound": round(trust.bound, 4),
        "mean": round(trust.mean, 4),
        "runs": trust.runs,
        "half_life_seconds": load_settings().trust_half_life_seconds,
    }


def trust_words(trust: Mapping[str, Any]) -> str:
    """Return the trust, given as JSON values, in one line."""
    days = trust["half_life_seconds"] / 86_400
    return f"bound {trust['bound']:.2f}, mean {trust['mean']:.2f}, {trust['runs']} runs, half-life {days:g} days"


def summary(playbook: Playbook, trust: Trust) -> dict[str, Any]:
    """Return what the list shows as JSON values."""
    said = said_by(playbook.symptom, playbook.steps)
    return {
        "id": str(playbook.id),
        "name": playbook.name,
        "title": playbook.title,
        "status": playbook.status.value,
        "version": playbook.version,
        "symptom": [str(matcher) for matcher in said.symptom],
        "steps": list(said.actions),
        "people_only": playbook.people_only_reason,
        **trust_facts(trust),
    }


def whole(
    playbook: Playbook, trust: Trust, versions: Sequence[PlaybookVersion], changes: Sequence[PlaybookChange]
) -> dict[str, Any]:
    """Return everything about a playbook as JSON values."""
    return {
        **summary(playbook, trust),
        "versions": [
            {
                "version": one.version,
                "origin": one.origin.value,
                "symptom": one.symptom["matchers"],
                "steps": [step["action"] for step in one.steps["steps"]],
                "created_at": moment(one.created_at),
            }
            for one in versions
        ],
        "changes": [
            {"what": one.what.value, "by": one.by, "reason": one.reason, "at": moment(one.at)} for one in changes
        ],
    }


def print_list(console: Console, rows: Sequence[Mapping[str, Any]], *, wide: bool = False) -> None:
    """Print one line per playbook. Lines are never shortened, so that names can be copied."""
    head = ("name", "status", "version", "bound", "mean", "runs", "runs without a person")
    more = ("symptom", "steps", "id") if wide else ()
    lines = (_columns(row) + (_more_columns(row) if wide else ()) for row in rows)
    print_columns(console, [(*head, *more), *lines])


def _columns(row: Mapping[str, Any]) -> tuple[str, ...]:
    alone = "yes" if row["status"] == "approved" else "no"
    if row["people_only"]:
        alone = f"no: {row['people_only']}"
    numbers = (str(row["version"]), f"{row['bound']:.2f}", f"{row['mean']:.2f}", str(row["runs"]))
    return (row["name"], text(f"playbook_status.{row['status']}"), *numbers, alone)


def _more_columns(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (", ".join(row["symptom"]), "; ".join(row["steps"]), row["id"])


def print_playbook(console: Console, found: WholePlaybook) -> None:
    """Print a playbook as its file says it, and then what the file does not: trust, versions, changes."""
    facts = found.facts
    _line(console, found.document)
    _line(console, f"id       {facts['id']}")
    _line(console, f"trust    {trust_words(facts)}")
    if found.people_only_since is not None:
        _line(console, f"left to people since {moment(found.people_only_since)}: {facts['people_only']}")
    for version in facts["versions"]:
        used = " (in use)" if version["version"] == facts["version"] else ""
        origin, actions = text(f"version_origin.{version['origin']}"), "; ".join(version["steps"])
        _line(console, f"version  {version['version']}{used}, {origin}: {actions}")
    for change in facts["changes"]:
        reason = f": {change['reason']}" if change["reason"] else ""
        what = text(f"playbook_change.{change['what']}")
        _line(console, f"change   {change['at']} {what} by {change['by']}{reason}")


def moment(at: datetime) -> str:
    """Return a time as playbooks show it."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _line(console: Console, line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)
