"""The one door from the commands to a terminal: whatever is shown goes through countersign.escaping here.

A name, a description or what a cluster answers may hold what a terminal obeys. So no command prints by itself: it
says lines and JSON, or takes a console of countersign.cli.console.
"""

from typing import Any

import typer

from countersign.escaping import json_text, visible


def say(line: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print `line` (or lines), to standard error with `err`."""
    typer.echo(visible(str(line), lines=True), err=err, nl=nl)


def say_json(value: Any, *, indent: int | None = None) -> None:
    """Print `value` as JSON."""
    typer.echo(json_text(value, indent=indent))
