"""Which commands there are, and where; each is imported when it is called, so that none pays for the others.

What a command needs (SQLAlchemy, Prefect, Kubernetes) takes seconds of processor time to import; `--help`, `parse`
and a mistyped word need none of it.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Never

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from countersign.cli.output import Showing


@dataclass(frozen=True)
class Listed:
    """A command or group of commands, as the first help lists it."""

    module: str
    """In countersign.cli."""
    attribute: str
    """A function, or a Typer with commands."""
    help: str
    takes_output: bool = False
    """Whether a function takes `countersign.cli.output.Output`."""
    over_the_api: bool = False
    """Whether some of it, or all, needs no database of this machine."""


COMMANDS = {
    "migrate": Listed(
        "migrate",
        "run",
        "Bring the tables to this program's version, and give the role in COUNTERSIGN_DATABASE_URL its rights.",
    ),
    "parse": Listed(
        "parse",
        "run",
        "Show what a text would do. Nothing is executed and no connection is made; exit code 2 if it is refused.",
        takes_output=True,
        over_the_api=True,
    ),
    "up": Listed(
        "up",
        "run",
        "Start PostgreSQL, Valkey, Prefect, a warm worker and, where it is installed, the sandbox; keep them"
        " running.",
    ),
    "web": Listed("web", "run", "Serve the HTTP API and the pages. `countersign up` does it by itself."),
    "mcp": Listed(
        "mcp",
        "run",
        "Serve the Model Context Protocol to one agent: it reads, asks what would happen, proposes; never signs or"
        " runs.",
        over_the_api=True,
    ),
    "login": Listed(
        "tokens", "login", "Print a link that logs one person in to the pages, once, within ten minutes."
    ),
    "status": Listed(
        "status",
        "run",
        "Show what needs a person now, each with its age and what to run; then the kill switch, who takes runs, and"
        " how many approvals are open.",
        takes_output=True,
        over_the_api=True,
    ),
    "whoami": Listed(
        "whoami",
        "run",
        "Say who is asking, and the roles that the policy gives them.",
        takes_output=True,
        over_the_api=True,
    ),
    "doctor": Listed(
        "doctor", "run", "Try every connection, say what is wrong and what to do. Exit code 3 if anything is."
    ),
    "reconcile": Listed(
        "reconcile",
        "run",
        "Reconcile once, now, as a worker does when something is due; exit 1 if something could not be looked at.",
        takes_output=True,
    ),
    "approvals": Listed("approvals", "approvals", "Requests to perform an action.", over_the_api=True),
    "executions": Listed("executions", "executions", "What became of approved actions."),
    "clusters": Listed("clusters", "commands", "Kubernetes clusters that actions are performed on."),
    "hosts": Listed("hosts", "commands", "Hosts that actions are performed on over SSH."),
    "keys": Listed("keys", "commands", "Keys to sign approvals with.", over_the_api=True),
    "tokens": Listed("tokens", "commands", "Tokens with which programs ask the API."),
    "webhooks": Listed("webhooks", "commands", "Who is told of what happens, by signed requests."),
    "policy": Listed("policy", "commands", "What may be done, and by whose signature.", over_the_api=True),
    "channels": Listed("channels", "commands", "Channels that are told how executions ended."),
    "chat": Listed("chat", "commands", "Chats in which people sign and reject by a button."),
    "incidents": Listed("incidents", "commands", "What actions are meant to fix.", over_the_api=True),
    "knowledge": Listed("knowledge", "commands", "Cases that can be searched for.", over_the_api=True),
    "playbooks": Listed(
        "playbooks", "commands", "Repairs that worked, and how far they are trusted.", over_the_api=True
    ),
    "steps": Listed("steps", "commands", "What follows an execution."),
    "dead-letters": Listed("dead_letters", "commands", "Steps that have used up their attempts."),
    "kill-switch": Listed("switch", "switch", "While it is on, nothing is performed.", over_the_api=True),
    "break-glass": Listed(
        "break_glass", "commands", "Limits that two people lift for some minutes.", over_the_api=True
    ),
    "trust": Listed("trust", "commands", "The keys that no database may hold."),
    "audit": Listed("audit", "commands", "The trail that shows when it was tampered with."),
    "archive": Listed("archive", "commands", "Closed months, in files beside the database."),
}


class OnDemand(TyperGroup):
    """The first group: lists COMMANDS, and imports the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, listed in COMMANDS.items():
            self.commands[name] = TyperCommand(name=name, help=listed.help, callback=_not_imported)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that `args` begin with, and the rest of them (typer calls it)."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else imported(name), rest


def imported(name: str) -> Any:
    """Import the command or group called `name`, which is in COMMANDS, and return it."""
    listed = COMMANDS[name]
    found = getattr(import_module(f"countersign.cli.{listed.module}"), listed.attribute)
    if isinstance(found, typer.Typer):
        return get_group(found)
    alone = typer.Typer(add_completion=False, context_settings=HELP)
    alone.command(name, cls=Showing if listed.takes_output else None)(found)
    return get_command(alone)


HELP: Any = {"help_option_names": ["-h", "--help"]}


def _not_imported() -> Never:
    raise AssertionError("what is listed is imported before it is called")
