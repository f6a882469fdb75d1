"""`countersign steps`: what follows an execution, and doing in this process what is left of it."""

import os
import socket
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import Engine

from countersign.cli.console import screen
from countersign.cli.opened import execution_named, open_for_commands, open_records
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.rendering import print_columns, print_none
from countersign.execution.follow_up import said_of
from countersign.records.archive import require_here
from countersign.records.database.engine import transaction
from countersign.records.ledger import steps_of
from countersign.records.queries import get_execution
from countersign.records.tables import LedgerStep
from countersign.texts import text

commands = typer.Typer(name="steps", help="What follows an execution.", no_args_is_help=True)
EXECUTION = typer.Argument(help="The execution's id, or its approval's.", metavar="ID")


@commands.callback()
def group() -> None:
    """What follows an execution."""


@commands.command("list", cls=Showing)
def list_(execution: Annotated[str, EXECUTION], output: Output = Format.TEXT) -> None:
    """Show where the steps of an execution stand."""
    engine = open_records()
    _show(engine, _execution(engine, execution), output)


@commands.command(cls=Showing)
def run(execution: Annotated[str, EXECUTION], output: Output = Format.TEXT) -> None:
    """Run every step of an execution that can be run now, and show where they stand then."""
    # Importing every step takes longer than most commands.
    from countersign.aftermath.step_runner import run_steps  # noqa: PLC0415

    services = open_for_commands()
    execution_id = _execution(services.engine, execution)
    run_steps(services, execution_id, runner=f"{socket.gethostname()}:{os.getpid()}")
    _show(services.engine, execution_id, output)


def _execution(engine: Engine, given: str) -> UUID:
    with transaction(engine) as session:
        return execution_named(session, given)


def _show(engine: Engine, execution_id: UUID, output: Format) -> None:
    with transaction(engine) as session:
        rows = steps_of(session, execution_id)
        if not rows:
            require_here(session, get_execution(session, execution_id).approval_id, "The steps")
    if output.is_data:
        say_data([row.model_dump(mode="json") for row in rows], output)
        return
    if not rows:
        print_none("steps")
        return
    print_columns(
        screen(),
        [_line(row, output) for row in rows],
    )


def _line(row: LedgerStep, output: Format) -> tuple[str, ...]:
    more = (f"{row.attempts}/{row.max_attempts}", row.runner or "") if output.is_wide else ()
    return (text(f"step_name.{row.name}"), text(f"step_status.{row.status}"), *more, said_of(row))
