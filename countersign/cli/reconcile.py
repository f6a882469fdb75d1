"""`countersign reconcile`: find what was left undone, do it, and say what it was."""

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from countersign.cli.console import screen
from countersign.cli.exit_codes import FAILED
from countersign.cli.opened import check_that_a_stack_is_named
from countersign.cli.output import Format, Output, say_data
from countersign.settings import load_settings
from countersign.texts import text

if TYPE_CHECKING:
    from flows.rounds import Round


def run(
    output: Output = Format.TEXT,
    here: Annotated[
        bool,
        typer.Option("--here", help="Settle abandoned executions in this process, where no worker could do it."),
    ] = False,
) -> None:
    """Reconcile once, now, as a worker does when something is due; exit 1 if something could not be looked at."""
    check_that_a_stack_is_named(load_settings())
    from flows.reconcile import counts, reconcile_once, rows  # noqa: PLC0415  (imports Prefect)

    done = asyncio.run(reconcile_once(here=here))
    if output.is_data:
        say_data(_told(done), output)
    else:
        console = screen()
        for table in (rows(done), counts(done)):
            if table:
                shown = Table(*table[0], box=None)
                for row in table:
                    shown.add_row(*map(escape, row.values()))
                console.print(shown)
        if not rows(done):
            console.print(text("reconcile.nothing"), markup=False)
    if done.problems:
        raise typer.Exit(FAILED)


def _told(done: "Round") -> dict[str, Any]:
    return {
        "findings": [{"kind": each.part, **asdict(finding)} for each in done.looked for finding in each.findings],
        "parts": [
            {
                "part": each.part,
                "found": len(each.findings),
                "done": each.done,
                "failed": each.failed,
                "oldest_seconds": each.oldest_seconds,
                "problem": each.problem,
            }
            for each in done.looked
        ],
        "problems": list(done.problems),
    }
