"""Which cluster, and as whom: the settings of one cluster and the kubeconfig document they amount to.

Every way of giving a cluster (a kubeconfig's text, the pod's own service account, a server with a token)
becomes one kubeconfig document with one context. The client and the kubectl binary read the same document,
so they cannot speak to different clusters.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import SecretStr

from countersign.errors import ConfigurationError
from countersign.targets.kubernetes.exec_plugin import credentials_of, forget_answer
from countersign.targets.kubernetes.kubeconfig_rules import (
    FILES,
    NOTHING_ALLOWED,
    Allowances,
    Reach,
    reaches_of,
    refuse_files,
    require_allowed,
)

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts a pod's own credentials."""
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where PyYAML was built with it: a kubeconfig with certificates is long."""
IN_CLUSTER_SERVER: Final = "https://kubernetes.default.svc"


@dataclass(frozen=True)
class ClusterSettings:
    """How one cluster is reached. Exactly one of `kubeconfig`, `in_cluster` and `server` is given."""

    name: str
    """The cluster's name in Countersign's records, e.g. "production"."""
    default_namespace: str = "default"
    allowed_namespaces: tuple[str, ...] = ()
    """Empty allows every namespace."""
    kubeconfig: SecretStr | None = None
    """The YAML text itself, not a path."""
    context: str | None = None
    """None is the kubeconfig's current context."""
    in_cluster: bool = False
    server: str | None = None
    token: SecretStr | None = None
    ca_certificate: str | None = None
    """PEM text; None trusts the system's authorities."""
    allowed: Allowances = NOTHING_ALLOWED
    """What the kubeconfig may do besides naming a server and credentials."""


def kubeconfig_document(settings: ClusterSettings) -> dict[str, Any]:
    """Return a kubeconfig with the one context that `settings` mean. Raises ConfigurationError."""
    given = [
        name
        for name, present in (
            ("kubeconfig", settings.kubeconfig is not None),
            ("in_cluster", settings.in_cluster),
            ("server", settings.server is not None),
        )
        if present
    ]
    if len(given) != 1:
        what = f"gives {' and '.join(given)}" if given else "gives neither kubeconfig, in_cluster nor server"
        raise ConfigurationError(
            f"cluster {settings.name!r} {what}",
            hint="give exactly one of kubeconfig, in_cluster and server with token",
        )
    if settings.kubeconfig is not None:
        return _from_text(settings, settings.kubeconfig.get_secret_value())
    if settings.context is not None:
        raise ConfigurationError(
            f"cluster {settings.name!r}: context belongs to a kubeconfig, and none is given",
            hint="leave context empty",
        )
    if settings.in_cluster:
        return _from_service_account(settings)
    if settings.token is None:
        raise ConfigurationError(f"cluster {settings.name!r}: server needs a token", hint="set token")
    assert settings.server is not None
    if not settings.server.startswith(("https://", "http://")):
        raise ConfigurationError(
            f"cluster {settings.name!r}: server {settings.server!r} is not a URL", hint="https://host:6443"
        )
    return _document(settings, settings.server, settings.token.get_secret_value(), settings.ca_certificate)


def usable_document(settings: ClusterSettings) -> dict[str, Any]:
    """Return `kubeconfig_document` with the credentials themselves in place of whatever gives them.

    Runs an exec plugin, reads the files of a token, certificates and keys. Raises ConfigurationError,
    TransientTargetError.
    """
    document = kubeconfig_document(settings)
    user, cluster = document["users"][0]["user"], document["clusters"][0]["cluster"]
    refuse_files(settings.name, cluster, user, settings.allowed)
    # client-go: a token's file is read anew and wins over the token; a plugin's answer wins over both.
    if file := user.pop("tokenFile", None):
        user["token"] = _token_in(settings, str(file))
    for entry in (cluster, user):
        for name in FILES:
            # client-go: what is written out wins over the file that is named.
            if (file := entry.pop(name, None)) and not entry.get(f"{name}-data"):
                entry[f"{name}-data"] = base64.b64encode(_content_of(settings, name, str(file))).decode("ascii")
    if plugin := user.pop("exec", None):
        user |= credentials_of(settings.name, plugin, cluster)
    return document


def forget_credentials(settings: ClusterSettings) -> None:
    """Have an exec plugin asked anew the next time. Raises ConfigurationError."""
    document = kubeconfig_document(settings)
    if plugin := document["users"][0]["user"].get("exec"):
        forget_answer(plugin, document["clusters"][0]["cluster"])


def require_nothing_elsewhere(settings: ClusterSettings) -> None:
    """Raise ConfigurationError unless the settings amount to a kubeconfig that reads no file it may not read."""
    document = kubeconfig_document(settings)
    refuse_files(settings.name, document["clusters"][0]["cluster"], document["users"][0]["user"], settings.allowed)


def _token_in(settings: ClusterSettings, file: str) -> str:
    try:
        return _content_of(settings, "tokenFile", file).decode("utf-8").strip()
    except UnicodeDecodeError:
        raise _unreadable(settings, "tokenFile", file) from None


def _content_of(settings: ClusterSettings, field: str, file: str) -> bytes:
    try:
        if not Path(file).is_absolute():
            raise FileNotFoundError
        return Path(file).read_bytes()
    except OSError:
        raise _unreadable(settings, field, file) from None


def _unreadable(settings: ClusterSettings, field: str, file: str) -> ConfigurationError:
    return ConfigurationError(
        f"cluster {settings.name!r}: the kubeconfig's {field} {file!r} cannot be read here",
        hint="give an absolute path that exists where the worker runs",
    )


def reaches_of_settings(settings: ClusterSettings) -> tuple[Reach, ...]:
    """Return what the cluster's kubeconfig uses of that which has to be allowed. Raises ConfigurationError."""
    if settings.kubeconfig is None:
        return ()
    document = kubeconfig_document(settings)
    return reaches_of(document["clusters"][0]["cluster"], document["users"][0]["user"])


def _document(settings: ClusterSettings, server: str, token: str, certificate: str | None) -> dict[str, Any]:
    cluster: dict[str, Any] = {"server": server}
    if certificate is not None:
        if "-----BEGIN CERTIFICATE-----" not in certificate:
            raise ConfigurationError(
                f"cluster {settings.name!r}: ca_certificate is not a PEM certificate",
                hint="paste the text from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----",
            )
        cluster["certificate-authority-data"] = base64.b64encode(certificate.encode()).decode()
    return _single("countersign", cluster, {"token": token}, settings.default_namespace)


def _single(context: str, cluster: Mapping[str, Any], user: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": dict(cluster)}],
        "users": [{"name": "user", "user": dict(user)}],
        "contexts": [{"name": context, "context": {"cluster": "cluster", "user": "user", "namespace": namespace}}],
        "current-context": context,
    }


def _from_service_account(settings: ClusterSettings) -> dict[str, Any]:
    try:
        token = (SERVICE_ACCOUNT / "token").read_text().strip()
        certificate = (SERVICE_ACCOUNT / "ca.crt").read_text()
    except OSError:
        raise ConfigurationError(
            f"cluster {settings.name!r}: in_cluster is set, but this process has no service account",
            hint="run it in a pod, or give a kubeconfig",
        ) from None
    return _document(settings, IN_CLUSTER_SERVER, token, certificate)


def _from_text(settings: ClusterSettings, text: str) -> dict[str, Any]:
    wanted, context, document = _chosen(settings, text)
    clusters, users = _named(document, "clusters", "cluster"), _named(document, "users", "user")
    for kind, entries in (("cluster", clusters), ("user", users)):
        if context.get(kind) not in entries:
            raise ConfigurationError(
                f"cluster {settings.name!r}: context {wanted!r} names the {kind} {context.get(kind)!r}, "
                "which the kubeconfig does not have",
                hint=f"known {kind}s: {', '.join(sorted(entries)) or 'none'}",
            )
    cluster, user = clusters[context["cluster"]], users[context["user"]]
    if not isinstance(cluster.get("server"), str):
        raise ConfigurationError(f"cluster {settings.name!r}: the kubeconfig's cluster has no server", hint=None)
    require_allowed(settings.name, cluster, user, settings.allowed)
    return _single(wanted, cluster, user, settings.default_namespace)


def context_entry(settings: ClusterSettings) -> Mapping[str, Any]:
    """Return the entry of the kubeconfig's chosen context (cluster, user, namespace). Raises ConfigurationError."""
    text = "" if settings.kubeconfig is None else settings.kubeconfig.get_secret_value()
    return _chosen(settings, text)[1]


def _chosen(settings: ClusterSettings, text: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Return the chosen context's name, its entry and the whole document."""
    try:
        document = _parsed(text)
    except yaml.YAMLError as error:
        # The error's own text quotes the document, which holds credentials: keep the position only.
        mark = getattr(error, "problem_mark", None)
        # libyaml places what is missing at the end on the line after the last.
        where = f" (line {min(mark.line + 1, len(text.splitlines()))})" if mark else ""
        raise ConfigurationError(
            f"cluster {settings.name!r}: the kubeconfig is not readable YAML{where}",
            hint="paste the file's whole text",
        ) from None
    if not isinstance(document, dict) or not isinstance(document.get("contexts"), list):
        raise ConfigurationError(
            f"cluster {settings.name!r}: the kubeconfig has no contexts",
            hint="in a block, paste a kubeconfig file's text, not its path",
        )
    contexts = _named(document, "contexts", "context")
    wanted = settings.context or document.get("current-context")
    if wanted not in contexts:
        known = ", ".join(sorted(contexts)) or "none"
        which = f"context {wanted!r} is not in the kubeconfig" if wanted else "the kubeconfig has no current context"
        raise ConfigurationError(f"cluster {settings.name!r}: {which}", hint=f"known contexts: {known}")
    return str(wanted), contexts[wanted], document


@lru_cache(maxsize=16)
def _parsed(text: str) -> Any:
    """Return the YAML document, parsed once for each text; not to be changed. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - both loaders are the safe one


def _named(document: Mapping[str, Any], section: str, key: str) -> dict[str, dict[str, Any]]:
    entries = document.get(section)
    if not isinstance(entries, list):
        return {}
    return {
        str(entry["name"]): entry.get(key) or {}
        for entry in entries
        if isinstance(entry, dict) and "name" in entry and isinstance(entry.get(key) or {}, dict)
    }
