"""`countersign hosts`: the hosts' keys, and whether the hosts can be used."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countersign.cli.console import screen
from countersign.cli.options import Yes
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.rendering import print_columns
from countersign.cli.screen import say
from countersign.errors import InvalidInput, NotFound, Refused, TargetNotFound
from countersign.settings import settings
from countersign.targets.hosts.fleet import FleetSettings, HostSettings

if TYPE_CHECKING:
    from blocks.ssh_hosts import SSHHosts

CONNECT_SECONDS = 5
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
    jump: Annotated[str | None, typer.Option("--jump", "-J", help="Ask through this host of the block.")] = None,
    block: Block = None,
) -> None:
    """Print the key that a host shows, for the block's field Host keys, and its fingerprint to compare."""
    from countersign.targets.hosts.host_keys import fingerprint  # noqa: PLC0415 - paramiko is slow
    from countersign.targets.hosts.showing import shown_host_key  # noqa: PLC0415

    jumps: tuple[HostSettings, ...] = ()
    if jump is not None:
        _, fleet = _load(block)
        jumps = fleet.settings().route(_named(fleet.settings(), jump))
    line = shown_host_key(address, port, timeout=CONNECT_SECONDS, jumps=jumps)
    say(f"{fingerprint(line)}  is shown at {address}:{port}. {_COMPARE}", err=True)
    say(line)


@commands.command()
def pin(
    name: Annotated[str, typer.Argument(help="The host's name in the block.")],
    block: Block = None,
    expected: Fingerprint = None,
    replace: Annotated[bool, typer.Option("--replace", help="Forget the keys pinned before.")] = False,
) -> None:
    """Pin the key that a host of the block shows, after its fingerprint was confirmed.

    A host behind jump hosts is asked through them, each after it has shown the key that is pinned for it.
    """
    from countersign.targets.hosts.host_keys import fingerprint  # noqa: PLC0415 - paramiko is slow
    from countersign.targets.hosts.showing import shown_host_key  # noqa: PLC0415

    block_name, fleet = _load(block)
    host = _named(fleet.settings(), name)
    *jumps, _ = fleet.settings().route(host)
    line = shown_host_key(host.address, host.port, timeout=fleet.connect_timeout, jumps=jumps)
    if line in host.host_keys and not replace:
        say(f"{name}: {fingerprint(line)} is pinned already.")
        return
    confirm(name, fingerprint(line), expected=expected)
    entry = next(one for one in fleet.hosts if one.name == name)
    entry.host_keys = [line] if replace else [*entry.host_keys, line]
    _save(fleet, block_name)
    say(f"{name}: {fingerprint(line)} is pinned in the block {block_name}.")


@commands.command()
def add(
    name: Annotated[str, typer.Argument(help="How actions call the host.", metavar="NAME")],
    address: Annotated[str | None, typer.Option("--address", help="DNS name or IP address; else the name.")] = None,
    port: Annotated[int, typer.Option("--port", "-p", min=1, max=65535)] = 22,
    user: Annotated[str | None, typer.Option("--user", help="Whom to log in as; else the block's user.")] = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="File with the private key; else the key that all hosts share.")
    ] = None,
    environment: Annotated[str, typer.Option("--environment", help="What a project may touch.")] = "default",
    group: Annotated[list[str] | None, typer.Option("--group", help="A group it is in; may be given again.")] = None,
    jump: Annotated[str | None, typer.Option("--jump", "-J", help="The host that it is reached through.")] = None,
    sudo: Annotated[bool, typer.Option(help="Run what needs root with sudo -n.")] = True,
    expected: Fingerprint = None,
    block: Block = None,
) -> None:
    """Log in to a host, after its key's fingerprint was confirmed, and save it in the block if that works."""
    from countersign.cli.hosts_saved import WantedHost, add_host  # noqa: PLC0415 - Prefect takes two seconds

    wanted = WantedHost(
        name=name,
        address=address,
        port=port,
        user=user,
        key=key,
        environment=environment,
        groups=tuple(group or ()),
        jump=jump,
        sudo=sudo,
        fingerprint=expected,
    )
    say(add_host(wanted, block or settings().hosts_block))


@commands.command()
def remove(
    name: Annotated[str, typer.Argument(help="The host's name in the block.", metavar="NAME")],
    yes: Yes = False,
    block: Block = None,
) -> None:
    """Forget a host."""
    from countersign.cli.hosts_saved import remove_host  # noqa: PLC0415 - Prefect takes two seconds

    if not yes and not (sys.stdin.isatty() and typer.confirm(f"Forget {name}?")):
        raise InvalidInput("not confirmed, nothing was removed", hint="answer y, or pass --yes")
    say(remove_host(name, block or settings().hosts_block))


@commands.command("list", cls=Showing)
def list_(output: Output = Format.TEXT, block: Block = None) -> None:
    """List the hosts of the block; logs in to none."""
    _, fleet = _load(block)
    hosts = fleet.settings().hosts
    if output.is_data:
        shown = ("name", "address", "port", "user", "environment", "groups", "jump", "sudo", "host_keys")
        say_data([{each: getattr(host, each) for each in shown} for host in hosts], output)
        return
    rows = (
        (one.name, f"{one.address}:{one.port}", one.user, one.environment, " ".join(one.groups), one.jump or "")
        for one in hosts
    )
    heads = ("name", "address", "user", "environment", "groups", "through")
    print_columns(screen(), [heads, *rows])


@commands.command()
def check(
    name: Annotated[str | None, typer.Argument(help="The host's name; all of them unless said.")] = None,
    block: Block = None,
) -> None:
    """Log in to a host, or to every host of the block, and say which cannot be used. Exit code 3 if one cannot."""
    _, fleet = _load(block)
    if name is not None:
        _named(fleet.settings(), name)
    say(fleet.check(name))


def confirm(name: str, shown: str, *, expected: str | None) -> None:
    """Return once a person, or `expected`, says that `shown` is the host's own. Raises NotConfirmed, InvalidInput."""
    if expected is not None:
        if not expected.startswith("SHA256:"):
            raise InvalidInput("--fingerprint does not begin with SHA256:", hint="ssh-keygen -lf shows that form")
        if expected.rstrip("=") != shown.rstrip("="):
            raise NotConfirmed(f"{name} shows {shown} and not {expected}; nothing was pinned")
        return
    say(f"{name} shows the key {shown}. {_COMPARE}", err=True)
    if not typer.confirm("Is it the same?", default=False, err=True):
        raise NotConfirmed(f"the key of {name} was not confirmed; nothing was pinned")


def _load(block: str | None) -> "tuple[str, SSHHosts]":
    """Return the block's name and the block."""
    from blocks.loading import load_block  # noqa: PLC0415 - Prefect takes two seconds to import
    from blocks.ssh_hosts import SSHHosts  # noqa: PLC0415

    name = block or settings().hosts_block
    return name, asyncio.run(load_block(SSHHosts, name))


def _named(fleet: FleetSettings, name: str) -> HostSettings:
    try:
        return fleet.host(name)
    except TargetNotFound as error:
        raise NotFound(
            f"the block's fleet {fleet.name!r} has no host {name!r}", hint=f"it has {', '.join(fleet.names)}"
        ) from error


def _save(fleet: "SSHHosts", name: str) -> None:
    from blocks.loading import save_block  # noqa: PLC0415 - as above

    asyncio.run(save_block(fleet, name))


_COMPARE = "Compare it, on the host, with: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
