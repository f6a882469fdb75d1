"""`countersign reconcile`: find what was left undone, do it, and say what it was."""

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from countersign.cli.exit_codes import FAILED
from countersign.texts import text


def run(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Reconcile once, now, as the schedule does every half minute; exit 1 if something could not be looked at."""
    from flows.reconcile import reconcile_once, rows  # noqa: PLC0415  (imports Prefect)

    done = asyncio.run(reconcile_once())
    if as_json:
        found = [
            {"kind": each.kind.value, "subject": each.subject, "age_seconds": each.age_seconds, "done": each.done}
            for each in done.findings
        ]
        print(json.dumps({"findings": found, "problems": list(done.problems)}, ensure_ascii=False))
    else:
        console = Console(highlight=False)
        table = rows(done.findings)
        if table:
            shown = Table(*table[0], box=None)
            for row in table:
                shown.add_row(*row.values())
            console.print(shown)
        elif not done.problems:
            console.print(text("reconcile.nothing"), markup=False)
        for problem in done.problems:
            console.print(problem, style="red", markup=False)
    if done.problems:
        raise typer.Exit(FAILED)
