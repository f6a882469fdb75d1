"""`countersign status`: what needs a person now, and whether runs are taken."""

import asyncio
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from countersign.cli.opened import open_records
from countersign.cli.output import Format, Output, say_data
from countersign.cli.rendering import padded
from countersign.cli.screen import screen
from countersign.errors import ConfigurationError
from countersign.execution.attention import Attention, needs_attention
from countersign.execution.wording import age
from countersign.records.control import kill_switch
from countersign.records.database.engine import transaction
from countersign.records.dead_letters import open_letters
from countersign.records.queries import abandoned, never_started, open_by_status, unknown_outcomes
from countersign.texts import text

if TYPE_CHECKING:
    from countersign.worker.availability import Takers

MOST_LETTERS = 1_000
"""Nobody needs them counted further."""


def run(output: Output = Format.TEXT) -> None:
    """Show what needs a person now, each with its age and what to run; then the kill switch, who takes runs, and how
    many approvals are open.
    """
    with transaction(open_records()) as session:
        attention = needs_attention(session)
        switch = kill_switch(session)
        counts = open_by_status(session)
        waiting, silent = never_started(session), abandoned(session)
        unknown, letters = unknown_outcomes(session), len(open_letters(session, limit=MOST_LETTERS))
    if not output.is_data:
        print_attention(screen(), attention)
    takers, obstacle = _takers()
    if output.is_data:
        found = {
            "needs_attention": attention_json(attention),
            "kill_switch": switch.is_on,
            "workers_online": list(takers.online) if takers is not None else None,
            "no_run_starts_because": obstacle.message if obstacle is not None else None,
            "open_approvals": {status.value: count for status, count in counts.items()},
            "never_started": [str(approval_id) for approval_id in waiting],
            "abandoned": [str(row.approval_id) for row in silent],
            "unknown": [str(approval_id) for approval_id in unknown],
            "dead_letters": letters,
        }
        say_data(found, output)
        return
    console = screen()
    said = "status_line.switch_on" if switch.is_on else "status_line.switch_off"
    console.print(text(said, reason=switch.reason), markup=False)
    if obstacle is None and takers is not None:
        online = ", ".join(takers.online)
        console.print(text("status_line.workers", pool=takers.pool, names=online), markup=False)
    elif obstacle is not None:
        console.print(text("status_line.no_workers", reason=obstacle.message, hint=obstacle.hint), markup=False)
    table = Table(text("column.approvals"), text("column.count"), box=None)
    for status, count in counts.items():
        table.add_row(text(f"approval_status.{status}"), str(count))
    console.print(table)
    if letters:
        many = "status_line.letters" if letters < MOST_LETTERS else "status_line.letters_or_more"
        console.print(text(many, count=letters), markup=False)


def print_attention(console: Console, attention: Attention) -> None:
    """Print what needs a person: one line for each, its reason and the command below it."""
    if not attention.items:
        console.print(text("attention.nothing"), markup=False)
        return
    console.print(text("attention.title"), markup=False)
    heads = padded([(each.label, age(each.age_seconds)) for each in attention.items])
    for each, (label, old) in zip(attention.items, heads, strict=True):
        console.print(f"  {label}  {old}  {each.what}", markup=False, soft_wrap=True)
        if each.why:
            console.print(f"      {each.why}", markup=False, soft_wrap=True)
        console.print(f"      {each.command}", markup=False, soft_wrap=True)
    for need in attention.more:
        console.print(f"  {text('attention.more', kind=text(f'attention.{need}'))}", markup=False)


def attention_json(attention: Attention) -> dict[str, Any]:
    """Return what needs a person as JSON values."""
    items = [
        {
            "need": each.need,
            "subject": each.subject,
            "approval": str(each.approval_id) if each.approval_id else None,
            "since": each.since.isoformat(),
            "age_seconds": round(each.age_seconds),
            "what": each.what,
            "why": each.why,
            "command": each.command,
        }
        for each in attention.items
    ]
    return {"items": items, "more": list(attention.more)}


def _takers() -> "tuple[Takers | None, ConfigurationError | None]":
    """Ask Prefect who takes runs; the records are shown whatever it answers."""
    from countersign.cli.triggering import DEPLOYMENT  # noqa: PLC0415 - Prefect takes two seconds to import
    from countersign.worker.availability import takers_of  # noqa: PLC0415

    try:
        takers = asyncio.run(takers_of(DEPLOYMENT))
    except ConfigurationError as error:
        return None, error
    return takers, takers.obstacle
