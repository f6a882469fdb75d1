"""Printing approvals and reports for people and as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape
from rich.table import Table

from countersign.cli.console import screen
from countersign.escaping import visible
from countersign.execution.approval_facts import APPROVAL_FIELDS
from countersign.execution.follow_up import FollowUp
from countersign.execution.markdown import render
from countersign.execution.report import Report
from countersign.texts import text


def print_none(of: str, **values: str) -> None:
    """Say that a list is empty and how something gets onto it; beside the output, which stays empty for programs."""
    screen(stderr=True).print(text(f"none.{of}", **values), markup=False, soft_wrap=True)


def print_reading(console: Console, reading: Mapping[str, Any]) -> None:
    """Print what an action's text means, one line per part."""
    for name, value in reading.items():
        if value not in (None, [], {}):
            console.print(f"  {name}: {visible(_words(value))}", markup=False, soft_wrap=True)


def print_columns(console: Console, rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns that are as wide as what is in them. Lines are never shortened."""
    for row in padded(rows):
        *first, last = row
        console.print("  ".join([*first, last.rstrip()]), markup=False, soft_wrap=True)


def padded(rows: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Return rows, escaped, whose columns are as wide as the widest cell in them."""
    shown = [tuple(map(visible, row)) for row in rows]
    widths = [max(cell_len(value) for value in column) for column in zip(*shown, strict=True)]
    return [tuple(set_cell_size(value, wide) for value, wide in zip(row, widths, strict=True)) for row in shown]


def print_report(console: Console, report: Report, follow_up: FollowUp | None = None) -> None:
    """Print a report with what followed it."""
    # An address is shown, and not hidden behind a word.
    console.print(Markdown(render(report, follow_up), hyperlinks=False))


def print_facts(console: Console, facts: Mapping[str, Any]) -> None:
    """Print the values of a record by their names; what is empty is left out."""
    table = Table(box=None, show_header=False)
    for name, value in facts.items():
        if value not in (None, "", [], {}):
            table.add_row(name.replace("_", " "), _cell(_words(value)))
    console.print(table)


def print_approval(console: Console, found: Mapping[str, Any]) -> None:
    """Print what `approval_facts` returned."""
    facts = Table(box=None, show_header=False)
    for name in APPROVAL_FIELDS:
        if found[name] not in (None, "", {}):
            facts.add_row(name.replace("_", " "), _cell(_shown(name, found[name])))
    for row in found["signatures"]:
        decided = text(f"decision.{row['decision']}")
        comment = f": {row['comment']}" if row["comment"] else ""
        if str(row.get("key_id", "")).startswith("chat:"):
            decided = f"{decided} ({text('chat.by_click')})"
        facts.add_row(
            "signature",
            _cell(f"{row['signer']} {decided}{comment} ({row['at'][:19]} UTC)"),
        )
    console.print(facts)
    if found["timeline"]:
        timeline = Table("at (UTC)", "status", "event", box=None)
        for row in found["timeline"]:
            timeline.add_row(
                row["at"][:19],
                text(f"event_status.{row['status']}"),
                _cell(": ".join(filter(None, (row["title"], row["description"])))),
            )
        console.print(timeline)
    for row in found["executions"]:
        if row["report"]:
            print_report(console, Report.model_validate(row["report"]), FollowUp.model_validate(row["follow_up"]))


def _cell(value: str) -> str:
    """Return `value` for a cell of a table: escaped before its width counts."""
    return escape(visible(value, lines=True))


def _shown(name: str, value: Any) -> str:
    sections = {"status": "approval_status", "risk_level": "risk", "start": "start", "when_blocked": "when_blocked"}
    return text(f"{sections[name]}.{value}") if name in sections else _words(value)


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(inner)}" for name, inner in value.items() if inner not in (None, [], {}))
    return " ".join(str(inner) for inner in value) if isinstance(value, list) else str(value)
