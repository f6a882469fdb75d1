"""`countersign kill-switch`: stop everything, allow it again, look."""

import getpass
from typing import Annotated

import typer

from countersign.cli.opened import open_records
from countersign.cli.screen import say
from countersign.records.control import kill_switch, set_kill_switch
from countersign.records.database.engine import transaction

switch = typer.Typer(name="kill-switch", help="While it is on, nothing is performed.", no_args_is_help=True)
Reason = Annotated[str, typer.Option(help="Why; kept on record.")]


@switch.command()
def on(reason: Reason) -> None:
    """Stop every action before its next request."""
    _set(True, reason)


@switch.command()
def off(reason: Reason) -> None:
    """Allow actions again."""
    _set(False, reason)


@switch.command()
def show() -> None:
    """Say whether it is on, who set it and why."""
    with transaction(open_records()) as session:
        now = kill_switch(session)
    say(f"{'on' if now.is_on else 'off'}, set by {now.changed_by} at {now.changed_at.isoformat()}: {now.reason}")


def _set(is_on: bool, reason: str) -> None:
    with transaction(open_records()) as session:
        set_kill_switch(session, is_on, by=getpass.getuser(), reason=reason)
    show()
