"""`countersign executions`: settle by hand what nobody could tell."""

from enum import StrEnum
from typing import Annotated

import typer

from countersign.cli.console import screen
from countersign.cli.opened import execution_named, open_records
from countersign.cli.options import By, acting
from countersign.cli.rendering import print_report
from countersign.execution.manual_settlement import settle_by_hand
from countersign.records.database.engine import transaction
from countersign.records.outcomes import Outcome

executions = typer.Typer(name="executions", help="What became of approved actions.", no_args_is_help=True)


class Found(StrEnum):
    """What a person can have found out."""

    SUCCESS = "success"
    FAILED = "failed"


@executions.callback()
def group() -> None:
    """What became of approved actions."""


@executions.command()
def settle(
    execution_id: Annotated[str, typer.Argument(help="The execution's id, or its approval's.", metavar="ID")],
    outcome: Annotated[Found, typer.Option(help="What the target shows: the effect happened, or it did not.")],
    reason: Annotated[str, typer.Option(help="What was seen on the target; kept on record.")],
    by: By = None,
) -> None:
    """Settle an execution whose outcome is unknown, after looking at the target."""
    with transaction(open_records()) as session:
        report = settle_by_hand(
            session,
            execution_named(session, execution_id),
            outcome=Outcome(outcome.value),
            reason=reason,
            by=acting(by),
        )
    print_report(screen(), report)
