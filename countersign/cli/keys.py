"""`countersign keys`: keys to sign approvals with."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from countersign.errors import InvalidInput
from countersign.policy.keys import generate_ed25519
from countersign.policy.signers import Signer

commands = typer.Typer(name="keys", help="Keys to sign approvals with.", no_args_is_help=True)


@commands.command()
def new(
    name: Annotated[str, typer.Argument(help="Whose key it is, as the policy will call them.")],
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="Where the private key goes; NAME.key in this folder unless said."),
    ] = None,
) -> None:
    """Make a key pair: the private key goes to a file, the policy's entry for the public key is printed."""
    private, public = generate_ed25519()
    try:
        signer = Signer(name=name, ed25519=public)
    except ValueError:
        raise InvalidInput(
            f"the name {name!r} cannot be a signer's", hint="1 to 200 printable characters, e.g. alice@example.com"
        ) from None
    path = file or Path(f"{name.replace('/', '_')}.key")
    _write_private(path, private.get_secret_value())
    typer.echo(f"The private key is in {path}. Keep it; whoever has it can sign as {signer.name}.", err=True)
    typer.echo("Add this to the policy:", err=True)
    # JSON's strings are YAML's too, whatever the name has in it.
    typer.echo(f"signers:\n  - name: {json.dumps(signer.name, ensure_ascii=False)}\n    ed25519: {public}")


def _write_private(path: Path, text: str) -> None:
    try:
        # Made with its final permissions, and never over a key that exists.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InvalidInput(
            f"{path} exists already", hint="choose another with --file; a key is never overwritten"
        ) from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}", hint="choose another with --file") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(text)
