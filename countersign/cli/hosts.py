"""`countersign hosts`: the hosts' keys, and whether the hosts can be used."""

import asyncio
from typing import Annotated

import typer

from countersign.errors import InvalidInput, NotFound, Refused
from countersign.settings import settings

commands = typer.Typer(name="hosts", help="Hosts that actions are performed on over SSH.", no_args_is_help=True)

Block = Annotated[
    str | None, typer.Option("--block", help="The SSHHosts block; COUNTERSIGN_HOSTS_BLOCK unless said.")
]
Fingerprint = Annotated[
    str | None,
    typer.Option("--fingerprint", help="Pin without asking if the host's key has this fingerprint (SHA256:…)."),
]


class NotConfirmed(Refused):
    """The fingerprint was not confirmed, so nothing was pinned."""

    code = "not_confirmed"


@commands.command("show-key")
def show_key(
    address: Annotated[str, typer.Argument(help="DNS name or IP address.")],
    port: Annotated[int, typer.Option("--port", "-p", min=1, max=65535)] = 22,
) -> None:
    """Print the key that a host shows, for the block's field Host keys, and its fingerprint to compare."""
    from countersign.targets.hosts.host_keys import fingerprint, shown_host_key  # noqa: PLC0415 - paramiko is slow

    line = shown_host_key(address, port, timeout=5)
    typer.echo(f"{fingerprint(line)}  is shown at {address}:{port}. {_COMPARE}", err=True)
    typer.echo(line)


@commands.command()
def pin(
    name: Annotated[str, typer.Argument(help="The host's name in the block.")],
    block: Block = None,
    expected: Fingerprint = None,
    replace: Annotated[bool, typer.Option("--replace", help="Forget the keys pinned before.")] = False,
) -> None:
    """Pin the key that a host of the block shows, after its fingerprint was confirmed."""
    from blocks.loading import load_block  # noqa: PLC0415 - Prefect takes two seconds to import
    from blocks.ssh_hosts import SSHHosts  # noqa: PLC0415
    from countersign.targets.hosts.host_keys import fingerprint, shown_host_key  # noqa: PLC0415

    block_name = block or settings().hosts_block
    fleet = asyncio.run(load_block(SSHHosts, block_name))
    host = next((one for one in fleet.hosts if one.name == name), None)
    if host is None:
        raise NotFound(
            f"the block {block_name!r} has no host {name!r}",
            hint="it has " + ", ".join(one.name for one in fleet.hosts),
        )
    line = shown_host_key(host.address or host.name, host.port, timeout=fleet.connect_timeout)
    if line in host.host_keys and not replace:
        typer.echo(f"{name}: {fingerprint(line)} is pinned already.")
        return
    confirm(name, fingerprint(line), expected=expected)
    host.host_keys = [line] if replace else [*host.host_keys, line]
    asyncio.run(_save(fleet, block_name))
    typer.echo(f"{name}: {fingerprint(line)} is pinned in the block {block_name}.")


@commands.command()
def check(block: Block = None) -> None:
    """Log in to every host of the block and say which cannot be used."""
    from blocks.loading import load_block  # noqa: PLC0415
    from blocks.ssh_hosts import SSHHosts  # noqa: PLC0415

    typer.echo(asyncio.run(load_block(SSHHosts, block or settings().hosts_block)).check())


def confirm(name: str, shown: str, *, expected: str | None) -> None:
    """Return once a person, or `expected`, says that `shown` is the host's own. Raises NotConfirmed, InvalidInput."""
    if expected is not None:
        if not expected.startswith("SHA256:"):
            raise InvalidInput("--fingerprint does not begin with SHA256:", hint="ssh-keygen -lf shows that form")
        if expected.rstrip("=") != shown.rstrip("="):
            raise NotConfirmed(f"{name} shows {shown} and not {expected}; nothing was pinned")
        return
    typer.echo(f"{name} shows the key {shown}. {_COMPARE}", err=True)
    if not typer.confirm("Is it the same?", default=False, err=True):
        raise NotConfirmed(f"the key of {name} was not confirmed; nothing was pinned")


async def _save(fleet: object, name: str) -> None:
    from blocks.ssh_hosts import SSHHosts  # noqa: PLC0415

    assert isinstance(fleet, SSHHosts)
    await fleet.asave(name, overwrite=True)


_COMPARE = "Compare it, on the host, with: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
