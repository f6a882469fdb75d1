"""What is known about the hosts that can be acted on, and finding the one that an action names."""

import difflib
from dataclasses import dataclass, field

from pydantic import SecretStr

from countersign.errors import ConfigurationError, TargetNotFound

OUTPUT_LIMIT = 256 * 1024
"""Bytes; what PostgreSQL stores and a person reads without trouble."""
LINGER_SECONDS = 12
"""docker stops a container for 10 s unless it is told otherwise, and goes on when its client has ended."""
PER_HOST = 4
"""sshd's MaxSessions is 10 unless configured."""


@dataclass(frozen=True)
class HostSettings:
    """One host and how it is reached."""

    name: str
    address: str
    """A DNS name or an IP address."""
    user: str
    private_key: SecretStr
    """The private key's text (OpenSSH or PEM form), not a path."""
    host_keys: tuple[str, ...]
    """The pinned keys, each "ssh-ed25519 AAAA…", a known_hosts line without the host. None: every call is refused."""
    port: int = 22
    environment: str = "default"
    """E.g. "production"; a project is allowed environments."""
    groups: tuple[str, ...] = ()
    jump: str | None = None
    """Name of the host of the same fleet that the connection goes through."""
    passphrase: SecretStr | None = None
    sudo: bool = True
    """Run what needs root with `sudo -n`; ignored when `user` is root."""

    @property
    def escalates(self) -> bool:
        """True when commands that need root are run through sudo."""
        return self.sudo and self.user != "root"


@dataclass(frozen=True)
class FleetSettings:
    """A named set of hosts. Durations are seconds."""

    name: str
    hosts: tuple[HostSettings, ...] = field(repr=False)
    connect_timeout: int = 5
    auth_timeout: int = 5
    """For the server's banner and for each authentication."""
    output_limit: int = OUTPUT_LIMIT
    """Bytes kept of each of stdout and stderr; the rest is read and dropped."""
    linger_seconds: int = LINGER_SECONDS
    """How long after a lost answer an unchanged host is watched before "it did not land" is believed."""
    per_host: int = PER_HOST
    """Commands at a time on one host's connection."""

    def __post_init__(self) -> None:
        names = [host.name for host in self.hosts]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(f"hosts: the name {twice[0]!r} is used twice in the fleet {self.name!r}.")
        for host in self.hosts:
            self.route(host)

    def host(self, name: str) -> HostSettings:
        """Return the host of exactly this name. Raises TargetNotFound."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise TargetNotFound(
            f"The fleet {self.name} has no host named {name!r}.", candidates=nearest(name, self.names)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Every host's name, in the fleet's order."""
        return tuple(host.name for host in self.hosts)

    def route(self, host: HostSettings) -> tuple[HostSettings, ...]:
        """Return the jump hosts on the way to `host`, outermost first, and `host` itself.

        Raises ConfigurationError for an unknown jump host or a circle.
        """
        route = [host]
        by_name = {known.name: known for known in self.hosts}
        while route[0].jump is not None:
            jump = by_name.get(route[0].jump)
            if jump is None:
                raise ConfigurationError(
                    f"hosts: {route[0].name!r} jumps through {route[0].jump!r}, which is no host."
                )
            if jump in route:
                raise ConfigurationError(f"hosts: the jump hosts of {host.name!r} form a circle.")
            route.insert(0, jump)
        return tuple(route)


def find_host(fleet: FleetSettings, written: str) -> tuple[HostSettings, bool]:
    """Find the host that an action calls `written`; the second value is True when name or address match exactly.

    A normalised name (case, `_` for `-`, a trailing dot) counts only when it fits exactly one host. Raises
    TargetNotFound with the nearest names otherwise: there is no guessing.
    """
    exact = [host for host in fleet.hosts if written in (host.name, host.address)]
    # A name says more than an address: two entries may share one address with different users.
    exact = [host for host in exact if host.name == written] or exact
    if len(exact) == 1:
        return exact[0], True
    if not exact:
        close = [host for host in fleet.hosts if _normalised(written) in map(_normalised, (host.name, host.address))]
        if len(close) == 1:
            return close[0], False
        exact = close
    if exact:
        names = tuple(host.name for host in exact)
        raise TargetNotFound(
            f"The host {written!r} fits {len(names)} hosts of the fleet {fleet.name}.", candidates=names
        )
    candidates = nearest(written, fleet.names)
    raise TargetNotFound(
        f"The fleet {fleet.name} has no host {written!r}.",
        candidates=candidates,
        hint=f"did you mean {', '.join(candidates)}?" if candidates else "add the host to the SSHHosts block",
    )


def nearest(written: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return up to five of `names` that look like `written`, the likeliest first."""
    return tuple(difflib.get_close_matches(written, names, n=5, cutoff=0.5))


def _normalised(name: str) -> str:
    return name.strip().rstrip(".").casefold().replace("_", "-")
