"""`countersign trust`: the keys that no database may hold."""

from pathlib import Path
from typing import Annotated

import typer

from countersign.audit.heads import make_sealing_key
from countersign.cli.screen import say
from countersign.errors import ConfigurationError
from countersign.execution.plan_seal import make_seal
from countersign.settings import load_settings

commands = typer.Typer(name="trust", help="The keys that no database may hold.", no_args_is_help=True)


@commands.command()
def init(
    folder: Annotated[Path | None, typer.Argument(help="The folder; COUNTERSIGN_TRUST_DIR unless said.")] = None,
) -> None:
    """Make the keys that FOLDER lacks, readable by this user alone. Keys that are there stay.

    Every worker and every round of reconciliation needs the same ones: copy the folder to each, or mount it.
    """
    found = folder or load_settings().trust_dir
    if found is None:
        raise ConfigurationError(
            "no folder is named", hint="countersign trust init DIR, and set COUNTERSIGN_TRUST_DIR to DIR"
        )
    make_seal(found.resolve())
    make_sealing_key(found.resolve())
    say(f"{found.resolve()} has all keys; set COUNTERSIGN_TRUST_DIR to it, and keep a copy in a safe place")
