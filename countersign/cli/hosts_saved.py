"""Adding and removing hosts of the SSHHosts block."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from blocks.loading import BlockMissing, delete_block, load_block, save_block
from blocks.ssh_hosts import SSHHost, SSHHosts
from countersign.cli.hosts import confirm
from countersign.cli.key_file import read_key_file
from countersign.errors import InvalidInput, NotFound
from countersign.targets.hosts.fleet import HostSettings
from countersign.targets.hosts.host_keys import fingerprint
from countersign.targets.hosts.showing import shown_host_key


@dataclass(frozen=True)
class WantedHost:
    """What `hosts add` was told."""

    name: str
    address: str | None
    port: int
    user: str | None
    key: Path | None
    environment: str
    groups: tuple[str, ...]
    jump: str | None
    sudo: bool
    fingerprint: str | None


def add_host(wanted: WantedHost, block: str) -> str:
    """Log in to the host and save it; return what to tell. Raises InvalidInput, NotConfirmed, ConfigurationError."""
    try:
        fleet = asyncio.run(load_block(SSHHosts, block))
    except BlockMissing:
        fleet = None
    if fleet is not None and any(host.name == wanted.name for host in fleet.hosts):
        raise InvalidInput(
            f"NAME: there is a host {wanted.name!r} already", hint="remove it first, or edit it in Prefect's UI"
        )
    jumps = _jumps(fleet, wanted.jump)
    timeout = SSHHosts.model_fields["connect_timeout"].default if fleet is None else fleet.connect_timeout
    line = shown_host_key(wanted.address or wanted.name, wanted.port, timeout=timeout, jumps=jumps)
    confirm(wanted.name, fingerprint(line), expected=wanted.fingerprint)
    grown = _with(fleet, wanted, line)
    said = grown.check(wanted.name)
    asyncio.run(save_block(grown, block))
    return f"{said}\n{wanted.name} is saved in the block {block}."


def remove_host(name: str, block: str) -> str:
    """Forget the host; return what to tell. Raises NotFound, ConfigurationError."""
    fleet = asyncio.run(load_block(SSHHosts, block))
    left = [host for host in fleet.hosts if host.name != name]
    if len(left) == len(fleet.hosts):
        raise NotFound(
            f"the block {block} has no host {name!r}", hint=f"it has {', '.join(host.name for host in fleet.hosts)}"
        )
    if not left:
        asyncio.run(delete_block(SSHHosts, block))
        return f"{name} is removed. It was the last one, so the block {block} is gone, with its private key."
    fields = {each: getattr(fleet, each) for each in SSHHosts.model_fields}
    keys = {} if fleet.private_keys is None else dict(fleet.private_keys.get_secret_value())
    keys.pop(name, None)
    asyncio.run(save_block(_made({**fields, "hosts": left, "private_keys": keys or None}), block))
    return f"{name} is removed."


def _jumps(fleet: SSHHosts | None, jump: str | None) -> tuple[HostSettings, ...]:
    if jump is None:
        return ()
    if fleet is None or jump not in {host.name for host in fleet.hosts}:
        known = "none" if fleet is None else ", ".join(host.name for host in fleet.hosts)
        raise InvalidInput(f"--jump: there is no host {jump!r}", hint=f"known: {known}")
    settings = fleet.settings()
    return settings.route(settings.host(jump))


def _with(fleet: SSHHosts | None, wanted: WantedHost, host_key: str) -> SSHHosts:
    """Return the block with the host in it."""
    host = SSHHost(
        name=wanted.name,
        address=wanted.address,
        port=wanted.port,
        user=wanted.user,
        host_keys=[host_key],
        environment=wanted.environment,
        groups=list(wanted.groups),
        jump=wanted.jump,
        sudo=wanted.sudo,
    )
    key = None if wanted.key is None else read_key_file(wanted.key)
    if fleet is None:
        if key is None:
            raise InvalidInput(
                "--key is needed for the first host", hint="the file with the private key to log in with"
            )
        return _made({"private_key": key, "hosts": [host]})
    fields = {each: getattr(fleet, each) for each in SSHHosts.model_fields} | {"hosts": [*fleet.hosts, host]}
    shared = fleet.private_key
    if key is not None and shared is None:
        fields["private_key"] = key
    elif key is not None and shared is not None and key.get_secret_value() != shared.get_secret_value():
        own = {} if fleet.private_keys is None else fleet.private_keys.get_secret_value()
        fields["private_keys"] = {**own, wanted.name: key.get_secret_value()}
    return _made(fields)


def _made(fields: dict[str, object]) -> SSHHosts:
    try:
        return SSHHosts.model_validate(fields)
    except ValidationError as error:
        said = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise InvalidInput(f"the host cannot be saved: {said}") from None
