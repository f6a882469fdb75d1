"""`make demo`: everything started on this machine, approvals executed, the outcomes shown."""

import asyncio
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from countersign.cli.console import screen
from countersign.cli.exit_codes import FAILED, errors_as_sentences
from countersign.local.stack import Stack
from sandbox.demo.mailbox import CHANNELS_BLOCK

if TYPE_CHECKING:
    from sandbox.demo.visitor import Welcome

CHECK_SECONDS = 1.0
ENVIRONMENT = {
    # The mailbox ends with the demonstration, so nobody else looks up where it was.
    "COUNTERSIGN_CHANNELS_BLOCK": CHANNELS_BLOCK,
    # And it is on this machine.
    "COUNTERSIGN_ALLOWED_LOCAL_ADDRESSES": "127.0.0.1",
    # The sandbox's pods start in no time, so verifications need not take the minute that they are given elsewhere.
    "COUNTERSIGN_VERIFY_WARM_UP_SECONDS": "1",
    "COUNTERSIGN_VERIFY_COLLECT_SECONDS": "2",
    "COUNTERSIGN_VERIFY_LIMIT_SECONDS": "20",
}
# A pipe has no width of its own; links must not be cut there.
console = screen(soft_wrap=True, width=None if sys.stdout.isatty() else 180)


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after showing the outcomes.")] = False,
    state_dir: Annotated[Path | None, typer.Option(help="Where data and logs are kept.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Prefect's port; 0: any free one.")] = 0,
) -> None:
    """Start everything, execute approvals of every sort through the deployment, and show what came of them.

    Exit code 0 only if every outcome is the right one.
    """
    told_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told_to_stop.set())
    with _folder(state_dir, once=once) as folder:
        console.print("Starting PostgreSQL, Valkey, Prefect, a worker, a cluster and a host …")
        with Stack(folder, port=port, environment=ENVIRONMENT) as stack:
            # Prefect reads its settings from the environment when it is imported.
            os.environ.update(stack.environment())
            from sandbox.demo.showing import perform_all, receive  # noqa: PLC0415

            results = asyncio.run(perform_all(stack, console))
            right = all(result.right for result in results)
            if not once:
                _stay(stack, told_to_stop, asyncio.run(receive(stack)))
    if not right:
        raise typer.Exit(FAILED)


def _stay(stack: Stack, told_to_stop: threading.Event, visitor: "Welcome") -> None:
    table = Table("what", "where", "pid", box=None)
    for part in stack.parts():
        table.add_row(part.name, part.address, str(part.pid or ""))
    console.print(table)
    where = f"COUNTERSIGN_STATE_DIR='{stack.addresses.state_dir}' .venv/bin/countersign"
    console.print("Everything keeps running. This logs you in, once, within ten minutes:")
    console.print(f"  {visitor.address}")
    console.print(f"Two approvals wait for your signature there ({', '.join(visitor.waiting)}). Sign one, and watch:")
    console.print(f"  {where} approvals sign {visitor.waiting[-1]} --as visitor --key '{visitor.key}'")
    console.print("or make a passkey on the page Passkeys, enter it with the command that it shows, and sign there.")
    console.print(f"Another link: {where} login visitor")
    console.print(f"Prefect's pages: {stack.addresses.ui_url} (they ask for what cat '{stack.login_file}' shows)")
    console.print("Stop with Ctrl-C.")
    while not told_to_stop.wait(CHECK_SECONDS):
        stack.check()


@contextmanager
def _folder(state_dir: Path | None, *, once: bool) -> Iterator[Path]:
    """Use the folder that was named; a demonstration that ends leaves nothing behind, so two never meet."""
    if state_dir is not None or not once:
        yield state_dir or Path(".countersign-demo")
        return
    with tempfile.TemporaryDirectory(prefix="countersign-demo-") as folder:
        # As root, PostgreSQL runs as another user who has to get in.
        Path(folder).chmod(0o755)
        yield Path(folder)


def main() -> None:
    """Run the demonstration; an error made for people is a sentence, as on the rest of the command line."""
    with errors_as_sentences():
        typer.run(demo)


if __name__ == "__main__":
    main()
