"""`countersign executions`: settle by hand what nobody could tell."""

import getpass
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from sqlmodel import Session

from countersign.cli.opened import identifier, open_for_commands
from countersign.cli.rendering import print_report
from countersign.errors import NotFound
from countersign.execution.finding_out import settle_by_hand
from countersign.records.database import transaction
from countersign.records.outcomes import Outcome
from countersign.records.queries import execution_of, get_execution

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
    by: Annotated[str | None, typer.Option(help="Who found out; the login name unless said.")] = None,
) -> None:
    """Settle an execution whose outcome is unknown, after looking at the target."""
    services = open_for_commands()
    with transaction(services.engine) as session:
        report = settle_by_hand(
            session,
            _execution(session, identifier(execution_id)),
            outcome=Outcome(outcome.value),
            reason=reason,
            by=by or getpass.getuser(),
        )
    print_report(Console(highlight=False), report)


def _execution(session: Session, given: UUID) -> UUID:
    try:
        return get_execution(session, given).id
    except NotFound:
        found = execution_of(session, given)
        if found is None:
            raise
        return found.id
