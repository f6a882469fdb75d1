"""`countersign reconcile`: find what was left undone, do it, and say what it was."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from countersign.cli.exit_codes import FAILED
from countersign.texts import text


def run(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    here: Annotated[
        bool,
        typer.Option("--here", help="Settle abandoned executions in this process, where no worker could do it."),
    ] = False,
) -> None:
    """Reconcile once, now, as the schedule does every 15 s; exit 1 if something could not be looked at."""
    from flows.reconcile import reconcile_once, rows  # noqa: PLC0415  (imports Prefect)

    done = asyncio.run(reconcile_once(here=here))
    if as_json:
        found = [{"kind": each.part, **asdict(finding)} for each in done.looked for finding in each.findings]
        print(json.dumps({"findings": found, "problems": list(done.problems)}, ensure_ascii=False))
    else:
        console = Console(highlight=False)
        table = rows(done)
        if table:
            shown = Table(*table[0], box=None)
            for row in table:
                shown.add_row(*row.values())
            console.print(shown)
        else:
            console.print(text("reconcile.nothing"), markup=False)
    if done.problems:
        raise typer.Exit(FAILED)
