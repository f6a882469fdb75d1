"""`countersign status`: what is waiting, running and stuck right now."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from countersign.cli.opened import open_records
from countersign.cli.screen import say_json, screen
from countersign.errors import ConfigurationError
from countersign.records.control import kill_switch
from countersign.records.database.engine import transaction
from countersign.records.dead_letters import open_letters
from countersign.records.queries import abandoned, never_started, open_by_status, unknown_outcomes
from countersign.texts import text

if TYPE_CHECKING:
    from countersign.worker.availability import Takers

MOST_LETTERS = 1_000
"""Nobody needs them counted further."""


def run(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show the kill switch, whether runs are taken, open approvals by status, and what is stuck."""
    with transaction(open_records()) as session:
        switch = kill_switch(session)
        counts = open_by_status(session)
        waiting, silent = never_started(session), abandoned(session)
        unknown, letters = unknown_outcomes(session), len(open_letters(session, limit=MOST_LETTERS))
    takers, obstacle = _takers()
    if as_json:
        found = {
            "kill_switch": switch.is_on,
            "workers_online": list(takers.online) if takers is not None else None,
            "no_run_starts_because": obstacle.message if obstacle is not None else None,
            "open_approvals": {status.value: count for status, count in counts.items()},
            "never_started": [str(approval_id) for approval_id in waiting],
            "abandoned": [str(row.approval_id) for row in silent],
            "unknown": [str(approval_id) for approval_id in unknown],
            "dead_letters": letters,
        }
        say_json(found)
        return
    console = screen()
    console.print(f"Kill switch: {'ON, ' + switch.reason if switch.is_on else 'off'}", markup=False)
    if obstacle is None and takers is not None:
        console.print(f"Workers {takers.summary}", markup=False)
    elif obstacle is not None:
        console.print(f"Workers: {obstacle.message} (hint: {obstacle.hint})", markup=False)
    table = Table("approvals", "count", box=None)
    for status, count in counts.items():
        table.add_row(text(f"approval_status.{status}"), str(count))
    console.print(table)
    for approval_id in waiting:
        console.print(
            f"approved but not started for a minute: {approval_id} (`countersign approvals run` starts it)",
            markup=False,
        )
    for row in silent:
        console.print(
            f"its worker {row.worker} is silent: {row.approval_id} (another worker takes it over)", markup=False
        )
    for approval_id in unknown:
        console.print(
            f"nobody knows whether it took effect: {approval_id} (look at the target, then "
            "`countersign executions settle`)",
            markup=False,
        )
    if letters:
        number = f"{letters}" if letters < MOST_LETTERS else f"{MOST_LETTERS} or more"
        console.print(f"dead letters: {number} (`countersign dead-letters list` says why)", markup=False)


def _takers() -> "tuple[Takers | None, ConfigurationError | None]":
    """Ask Prefect who takes runs; the records are shown whatever it answers."""
    from countersign.cli.triggering import DEPLOYMENT  # noqa: PLC0415 - Prefect takes two seconds to import
    from countersign.worker.availability import takers_of  # noqa: PLC0415

    try:
        takers = asyncio.run(takers_of(DEPLOYMENT))
    except ConfigurationError as error:
        return None, error
    return takers, takers.obstacle
