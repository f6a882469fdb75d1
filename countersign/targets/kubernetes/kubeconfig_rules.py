"""What a kubeconfig may do besides naming a server and credentials: nothing, unless a setting allows it.

A kubeconfig can start programs, read files of the machine, send everything through a proxy and switch the check of
the server's certificate off. Whoever may save a block must not get any of that with it.
Which fields there are: client-go, tools/clientcmd/api/v1/types.go.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from countersign.errors import BlockRefused, ConfigurationError
from countersign.settings import Settings

EXEC_SETTING: Final = "COUNTERSIGN_ALLOWED_EXEC_PLUGINS"


class Reach(StrEnum):
    """A field of a kubeconfig that needs to be allowed."""

    EXEC = "exec"
    TOKEN_FILE = "tokenFile"  # noqa: S105 - a field's name
    PROXY = "proxy-url"
    INSECURE = "insecure-skip-tls-verify"


_SETTINGS: Final[Mapping[Reach, tuple[str, str]]] = {
    Reach.TOKEN_FILE: ("COUNTERSIGN_ALLOW_TOKEN_FILE", "it reads a file of the machine that the worker runs on"),
    Reach.PROXY: ("COUNTERSIGN_ALLOW_PROXY_URL", "everything would go through that proxy"),
    Reach.INSECURE: (
        "COUNTERSIGN_ALLOW_INSECURE_TLS",
        "whoever answers at that address would be taken for the cluster",
    ),
}
FILES: Final = ("certificate-authority", "client-certificate", "client-key")
_IMPERSONATION: Final = ("as", "as-uid", "as-groups", "as-user-extra")


@dataclass(frozen=True)
class Allowances:
    """What the settings allow."""

    exec_commands: tuple[str, ...] = ()
    """Commands of exec plugins, exactly as kubeconfigs write them."""
    token_file: bool = False
    proxy_url: bool = False
    insecure_tls: bool = False

    @property
    def said(self) -> tuple[str, ...]:
        """What is allowed, for people; empty where nothing is."""
        commands = (f"exec ({', '.join(self.exec_commands)})",) if self.exec_commands else ()
        return (*commands, *(reach.value for reach in _SETTINGS if self._allows(reach)))

    def _allows(self, reach: Reach) -> bool:
        return {Reach.TOKEN_FILE: self.token_file, Reach.PROXY: self.proxy_url, Reach.INSECURE: self.insecure_tls}[
            reach
        ]

    def require(self, reach: Reach, *, of: str) -> None:
        """Raise BlockRefused unless `reach` (any but exec) is allowed; `of` is the cluster's name."""
        if not self._allows(reach):
            setting, why = _SETTINGS[reach]
            raise BlockRefused(
                f"cluster {of!r}: the kubeconfig has {reach.value}, which is refused: {why}",
                hint=f"take it out, or allow it for every cluster with {setting}=true",
            )


NOTHING_ALLOWED: Final = Allowances()


def allowances_of(settings: Settings) -> Allowances:
    """Return what `settings` allow."""
    return Allowances(
        exec_commands=settings.allowed_exec_plugins,
        token_file=settings.allow_token_file,
        proxy_url=settings.allow_proxy_url,
        insecure_tls=settings.allow_insecure_tls,
    )


def reaches_of(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> tuple[Reach, ...]:
    """Return what the two entries use of that which has to be allowed."""
    return tuple(_found(cluster, user))


def _found(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> Iterator[Reach]:
    if user.get("exec"):
        yield Reach.EXEC
    if user.get("tokenFile"):
        yield Reach.TOKEN_FILE
    if cluster.get("proxy-url"):
        yield Reach.PROXY
    if cluster.get("insecure-skip-tls-verify"):
        yield Reach.INSECURE


def require_allowed(of: str, cluster: Mapping[str, Any], user: Mapping[str, Any], allowed: Allowances) -> None:
    """Raise BlockRefused naming the first thing that is not allowed, and the setting that would allow it."""
    if user.get("auth-provider"):
        raise BlockRefused(
            f"cluster {of!r}: the kubeconfig has an auth-provider, which is refused: it runs programs",
            hint="make a kubeconfig with an exec plugin or a token",
        )
    for name in _IMPERSONATION:
        if user.get(name):
            raise BlockRefused(
                f"cluster {of!r}: the kubeconfig acts as somebody else ({name}), which is refused",
                hint="use the credentials of the account that is to act",
            )
    for reach in reaches_of(cluster, user):
        if reach is Reach.EXEC:
            _require_command(of, user["exec"], allowed)
        else:
            allowed.require(reach, of=of)


def refuse_files(of: str, cluster: Mapping[str, Any], user: Mapping[str, Any], allowed: Allowances) -> None:
    """Raise BlockRefused where a certificate or a key is named by its file, unless files may be read."""
    for name in FILES:
        if (cluster.get(name) or user.get(name)) and not allowed.token_file:
            setting, why = _SETTINGS[Reach.TOKEN_FILE]
            raise BlockRefused(
                f"cluster {of!r}: the kubeconfig names the file of its {name}, which is refused: {why}",
                hint="`kubectl config view --flatten` writes what is in the file instead; "
                f"{setting}=true allows files for every cluster",
            )


def _require_command(of: str, plugin: Any, allowed: Allowances) -> None:
    command = plugin.get("command") if isinstance(plugin, Mapping) else None
    if not isinstance(command, str) or not command:
        raise ConfigurationError(
            f"cluster {of!r}: the kubeconfig's exec plugin has no command", hint="make the kubeconfig anew"
        )
    if command not in allowed.exec_commands:
        raise BlockRefused(
            f"cluster {of!r}: the kubeconfig gets its credentials by running {command!r}, which is not allowed",
            hint=f"allow it for every cluster with {EXEC_SETTING}={','.join((*allowed.exec_commands, command))}, "
            "where the worker runs and here, or use a kubeconfig with a token",
        )
