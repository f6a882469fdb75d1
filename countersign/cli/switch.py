"""`countersign kill-switch`: stop everything, allow it again, look."""

import typer

from countersign.cli.options import By, Reason
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.questions.choice import questions
from countersign.cli.screen import say
from countersign.records.control import Switch

switch = typer.Typer(name="kill-switch", help="While it is on, nothing is performed.", no_args_is_help=True)


@switch.command()
def on(reason: Reason, by: By = None) -> None:
    """Stop every action before its next request."""
    _set(True, reason, by)


@switch.command()
def off(reason: Reason, by: By = None) -> None:
    """Allow actions again."""
    _set(False, reason, by)


@switch.command(cls=Showing)
def show(output: Output = Format.TEXT) -> None:
    """Say whether it is on, who set it and why."""
    _show(questions().installation.switch(), output)


def _set(is_on: bool, reason: str, by: str | None) -> None:
    _show(questions().installation.turn(is_on, by=by, reason=reason), Format.TEXT)


def _show(now: Switch, output: Format) -> None:
    if output.is_data:
        changed = {"changed_by": now.changed_by, "changed_at": now.changed_at.isoformat()}
        say_data({"is_on": now.is_on, "reason": now.reason, **changed}, output)
        return
    say(f"{'on' if now.is_on else 'off'}, set by {now.changed_by} at {now.changed_at.isoformat()}: {now.reason}")
