"""The command line: `countersign …`. Each group of commands is one file beside this one."""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from countersign.cli import (
    audit,
    channels,
    clusters,
    dead_letters,
    doctor,
    hosts,
    incidents,
    keys,
    knowledge,
    mcp,
    migrate,
    parse,
    playbooks,
    policy,
    reconcile,
    status,
    steps,
    switch,
    tokens,
    trust,
    up,
    web,
    webhooks,
    whoami,
)
from countersign.cli.approvals import approvals
from countersign.cli.executions import executions
from countersign.cli.exit_codes import errors_as_sentences
from countersign.cli.local import use_local_stack
from countersign.cli.output import Showing
from countersign.cli.screen import say
from countersign.cli.server import forget_server, name_server

app = typer.Typer(
    name="countersign",
    help="Execute approved operational actions once, and prove what happened.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
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


app.command("migrate")(migrate.run)
app.command("parse", cls=Showing)(parse.run)
app.command("up")(up.run)
app.command("web")(web.run)
app.command("mcp")(mcp.run)
app.command("login")(tokens.login)
app.command("status", cls=Showing)(status.run)
app.command("whoami", cls=Showing)(whoami.run)
app.command("doctor")(doctor.run)
app.command("reconcile", cls=Showing)(reconcile.run)
app.add_typer(approvals)
app.add_typer(executions)
app.add_typer(clusters.commands)
app.add_typer(hosts.commands)
app.add_typer(keys.commands)
app.add_typer(tokens.commands)
app.add_typer(webhooks.commands)
app.add_typer(policy.commands)
app.add_typer(channels.commands)
app.add_typer(incidents.commands)
app.add_typer(knowledge.commands)
app.add_typer(playbooks.commands)
app.add_typer(steps.commands)
app.add_typer(dead_letters.commands)
app.add_typer(switch.switch)
app.add_typer(trust.commands)
app.add_typer(audit.commands)


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
