"""`countersign status`: what is waiting, running and stuck right now."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from countersign.cli.opened import open_records
from countersign.records.control import kill_switch
from countersign.records.database import transaction
from countersign.records.queries import abandoned, never_started, open_by_status
from countersign.texts import text


def run(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show the kill switch, open approvals by status, and what is stuck."""
    with transaction(open_records()) as session:
        switch = kill_switch(session)
        counts = open_by_status(session)
        waiting, silent = never_started(session), abandoned(session)
    if as_json:
        found = {
            "kill_switch": switch.is_on,
            "open_approvals": {status.value: count for status, count in counts.items()},
            "never_started": [str(approval_id) for approval_id in waiting],
            "abandoned": [str(row.approval_id) for row in silent],
        }
        print(json.dumps(found))
        return
    console = Console(highlight=False)
    console.print(f"Kill switch: {'ON, ' + switch.reason if switch.is_on else 'off'}", markup=False)
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
