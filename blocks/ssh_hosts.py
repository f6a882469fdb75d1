"""The hosts that approved actions may be performed on over SSH."""

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, ClassVar, Self

from prefect.blocks.core import Block
from prefect.types import SecretDict
from pydantic import BaseModel, Field, SecretStr, model_validator

from blocks.form import FORM, Secret, SecretText, Text, mistakes
from blocks.mounted import mounted_secret, refuse_both
from countersign.errors import ConfigurationError, CountersignError
from countersign.targets.hosts.fleet import LINGER_SECONDS, OUTPUT_LIMIT, PER_HOST, FleetSettings, HostSettings

_ANY_KEY = SecretStr("in a file that is not read yet")
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[int, Field(ge=1, le=60)]
AT_ONCE = 16
"""Hosts that a check logs in to at the same time, so that a few dead ones do not hold up the rest."""


class SSHHost(BaseModel):
    """One host: name, address, user, environment, groups and pinned host keys. Its private key goes above."""

    model_config = FORM

    name: str = Field(min_length=1, title="Name", description="How actions call it, e.g. web-3.")
    address: Text = Field(default=None, title="Address", description="DNS name or IP address. Empty: the name.")
    port: Port = Field(default=22, title="Port")
    user: Text = Field(default=None, title="User", description="Empty: the user that all hosts share.")
    host_keys: list[str] = Field(
        min_length=1,
        title="Host keys",
        description="The keys the host may show, e.g. ssh-ed25519 AAAA…; any other is refused. "
        "On the host: cat /etc/ssh/ssh_host_ed25519_key.pub",
    )
    environment: str = Field(
        default="default", min_length=1, title="Environment", description="E.g. production; what a project may touch."
    )
    groups: list[str] = Field(default_factory=list, title="Groups", description="E.g. web, database.")
    jump: Text = Field(
        default=None, title="Jump host", description="Name of the host in this list that the connection goes through."
    )
    sudo: bool = Field(default=True, title="sudo", description="Run what needs root with sudo -n.")


class SSHHosts(Block):
    """A fleet of hosts with their pinned host keys, and the private keys to reach them with."""

    model_config = FORM
    _block_type_name: ClassVar[str | None] = "Countersign: SSH hosts"
    _block_type_slug: ClassVar[str | None] = "countersign-ssh-hosts"
    _description: ClassVar[str | None] = (
        "Hosts that approved actions are performed on over SSH. Host keys are pinned; agents, key files and SSH "
        "configuration files are not used."
    )

    fleet_name: str = Field(
        default="default",
        min_length=1,
        title="Fleet name",
        description="How records and reports call these hosts together. Keep it once it is in use.",
    )
    user: str = Field(default="root", min_length=1, title="User", description="For hosts that name no other.")
    private_key: SecretText = Field(
        default=None,
        title="Private key",
        description="Text of the key file (Ed25519, ECDSA or RSA) for every host without a key of its own.",
    )
    private_key_file: Text = Field(
        default=None,
        title="Private key file",
        description="In place of its text: a file's name in the workers' folder of mounted secrets.",
    )
    passphrase: Secret = Field(
        default=None, title="Passphrase", description="Of the private key above, if it has one."
    )
    private_keys: SecretDict | None = Field(
        default=None,
        title="Private keys of single hosts",
        description='Text of the key file by host name, e.g. {"db-1": "-----BEGIN OPENSSH PRIVATE KEY-----…"}.',
    )
    hosts: list[SSHHost] = Field(
        min_length=1,
        title="Hosts",
        description='A list, e.g. [{"name": "web-3", "address": "10.0.0.3", "user": "deploy", "environment": '
        '"production", "host_keys": ["ssh-ed25519 AAAA…"]}]. `countersign hosts show-key` prints a host\'s key.',
    )
    connect_timeout: Seconds = Field(
        default=5, title="Connect time limit", description="Seconds for a connection to be made."
    )
    auth_timeout: Seconds = Field(
        default=5, title="Login time limit", description="Seconds for the server's banner and for the login."
    )

    output_limit: Annotated[int, Field(ge=4096, le=16 * 1024 * 1024)] = Field(
        default=OUTPUT_LIMIT,
        title="Output limit",
        description="Bytes kept of each of a command's two outputs; the rest is read and dropped.",
    )
    linger_seconds: Annotated[int, Field(ge=0, le=900)] = Field(
        default=LINGER_SECONDS,
        title="Watching time",
        description="Seconds that a host is watched after a lost answer before it counts as unchanged. Keep it above "
        "the longest stop timeout of your containers (docker's own is 10).",
    )
    per_host: Annotated[int, Field(ge=1, le=10)] = Field(
        default=PER_HOST,
        title="Commands at a time",
        description="On one host's connection; sshd allows 10 unless its MaxSessions says otherwise.",
    )

    @model_validator(mode="after")
    def _can_be_right(self) -> Self:
        # paramiko takes a fifth of a second to import, and every Prefect process imports the blocks.
        from countersign.targets.hosts.connecting import private_key  # noqa: PLC0415
        from countersign.targets.hosts.host_keys import parse_host_key  # noqa: PLC0415

        with mistakes():
            unknown = sorted(set(self._own_keys()) - {host.name for host in self.hosts})
            if unknown:
                raise ConfigurationError(
                    f"private_keys has a key for {unknown[0]!r}, which is not among the hosts",
                    hint="the hosts: " + ", ".join(host.name for host in self.hosts),
                )
            refuse_both("private_key", self.private_key, self.private_key_file)
            # Whether there is the file shows only where the worker runs; check() asks there.
            for host in self._fleet(_ANY_KEY if self.private_key_file else self.private_key).hosts:
                if host.private_key is not _ANY_KEY:
                    private_key(host)
                for line in host.host_keys:
                    parse_host_key(line, host=host.name)
        return self

    def settings(self) -> FleetSettings:
        """Return what the SSH target works with. Raises ConfigurationError naming the host or the file."""
        key = self.private_key
        if self.private_key_file is not None:
            key = mounted_secret(self.private_key_file, field="private_key_file")
        return self._fleet(key)

    def _fleet(self, key: SecretStr | None) -> FleetSettings:
        """Return the settings with `key` for every host that has none of its own."""
        return FleetSettings(
            name=self.fleet_name,
            hosts=tuple(self._host(host, key) for host in self.hosts),
            connect_timeout=self.connect_timeout,
            auth_timeout=self.auth_timeout,
            output_limit=self.output_limit,
            linger_seconds=self.linger_seconds,
            per_host=self.per_host,
        )

    def check(self, only: str | None = None) -> str:
        """Log in to every host, or to `only` that one.

        Raises ConfigurationError with a sentence for each one that does not work, or where there is no such host.
        """
        from countersign.targets.hosts.ssh import Sessions  # noqa: PLC0415 - as above

        fleet = self.settings()
        hosts = [host for host in fleet.hosts if only in (None, host.name)]
        if not hosts:
            raise ConfigurationError(f"there is no host {only!r}", hint=f"there are {', '.join(fleet.names)}")

        def problem(host: HostSettings) -> str | None:
            try:
                # Any exit code will do: a key that is bound to certain commands may refuse this one.
                sessions.run(host, ["true"], limit=self.connect_timeout)
            except CountersignError as error:
                return error.message.rstrip(".") + (f" ({error.hint})" if error.hint else "")
            return None

        with Sessions(fleet) as sessions, ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            wrong = [said for said in pool.map(problem, hosts) if said is not None]
        if wrong:
            raise ConfigurationError(
                f"{len(wrong)} of {len(hosts)} hosts cannot be used: {'; '.join(wrong)}",
                hint="mend the hosts in the SSHHosts block",
            )
        if only is not None:
            return f"{self.fleet_name}: {only} shows its pinned key and accepts the login."
        return f"{self.fleet_name}: every host ({len(fleet.hosts)}) shows its pinned key and accepts the login."

    def _own_keys(self) -> dict[str, SecretStr]:
        given = {} if self.private_keys is None else self.private_keys.get_secret_value()
        for name, key in given.items():
            if not isinstance(key, str):
                raise ConfigurationError(f"private_keys: the key of {name!r} is not text", hint="paste the key file")
        return {name: SecretStr(key) for name, key in given.items()}

    def _host(self, host: SSHHost, shared: SecretStr | None) -> HostSettings:
        own = self._own_keys().get(host.name)
        key = own or shared
        if key is None:
            raise ConfigurationError(
                f"there is no private key for {host.name!r}", hint="fill in private_key, or add it to private_keys"
            )
        return HostSettings(
            name=host.name,
            address=host.address or host.name,
            user=host.user or self.user,
            private_key=key,
            host_keys=tuple(line.strip() for line in host.host_keys),
            port=host.port,
            environment=host.environment,
            groups=tuple(host.groups),
            jump=host.jump,
            passphrase=None if own else self.passphrase,
            sudo=host.sudo,
        )
