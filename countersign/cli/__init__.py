"""The command line: `countersign …`. Each group of commands is one file beside this one."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from countersign.cli.exit_codes import errors_as_sentences
from countersign.cli.local import use_local_stack
from countersign.cli.named_server import forget_server, name_server
from countersign.cli.on_demand import HELP, OnDemand
from countersign.cli.screen import say

app = typer.Typer(
    name="countersign",
    help="Execute approved operational actions once, and prove what happened.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=HELP,
    cls=OnDemand,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - nothing else needs it

        say(version("countersign"))
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help="Ask the API there, where no database is; COUNTERSIGN_URL."),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="With what to show it; COUNTERSIGN_TOKEN.")
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Execute approved operational actions once, and prove what happened."""
    context.call_on_close(forget_server)
    name_server(server, token_file, command=context.invoked_subcommand)


def main() -> None:
    """Run the command and turn every error made for people into a sentence, a hint and an exit code."""
    use_local_stack()
    try:
        with errors_as_sentences():
            app()
    except BrokenPipeError:
        # `countersign … | head` is not an error; the interpreter must not flush into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
