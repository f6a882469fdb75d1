"""`countersign up`: the whole stack on this machine, until it is told to stop."""

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.table import Table

from countersign.cli.console import screen
from countersign.cli.screen import say
from countersign.local.stack import Stack
from countersign.settings import settings

CHECK_SECONDS = 1.0


def run(
    state_dir: Annotated[
        Path | None,
        typer.Option(help="Where data, logs and pid files are kept; COUNTERSIGN_STATE_DIR unless said."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Prefect's port. 0: the one used last time, or any free one.")
    ] = 0,
    web_port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="The port of the API and the pages. 0: the one used last time, or any."),
    ] = 0,
    workers: Annotated[int, typer.Option(min=1, max=32, help="How many warm workers.")] = 1,
    sandbox: Annotated[
        bool | None,
        typer.Option(
            "--sandbox/--no-sandbox",
            help="Run the sandbox cluster and host as the default targets; unless said, where they are installed.",
        ),
    ] = None,
) -> None:
    """Start PostgreSQL, Valkey, Prefect, a warm worker and, where it is installed, the sandbox; keep them running."""
    # Until everything is ready, a signal interrupts the start, which undoes what it has done.
    _on_signal(_interrupt)
    stack = Stack(state_dir or settings().state_dir, port=port, web_port=web_port, workers=workers, sandbox=sandbox)
    with stack:
        told_to_stop = threading.Event()
        _on_signal(lambda *_: told_to_stop.set())
        _show(stack)
        while not told_to_stop.wait(CHECK_SECONDS):
            stack.check()
        say("Stopping.", err=True)


def _on_signal(call: Callable[[int, FrameType | None], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, call)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _show(stack: Stack) -> None:
    table = Table("what", "where", "pid")
    for part in stack.parts():
        table.add_row(part.name, part.address, str(part.pid or ""))
    console = screen(soft_wrap=True)
    if stack.left_behind:
        console.print(f"Ended what an earlier, killed run had left: {', '.join(stack.left_behind)}.")
    console.print(table)
    where = stack.addresses.state_dir
    if stack.addresses.url is not None:
        console.print(f"The pages and the API: {stack.addresses.url} (a link to log in: countersign login)")
    console.print(f"Prefect's pages: {stack.addresses.ui_url}")
    login = f"They are an administrator's tool, and ask for what this shows: cat '{stack.login_file}'"
    console.print(login)
    console.print(f"For other programs: set -a; . '{where}/environment'; set +a")
    console.print(f"Logs: {where}/logs. Stop with Ctrl-C.")
