"""What a name means: the cluster or the host behind it, by what proves itself to be that one when it is connected to.

A name alone says what somebody calls it; whoever edits a block could let the name mean another place. So this is part
of the signed target, taken from the block when the request is filed, and compared whenever a target is opened.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from countersign.canonical import sha256_of
from countersign.errors import NotTrusted, TargetNotFound
from countersign.targets.hosts.fleet import FleetSettings
from countersign.targets.kubernetes.kubeconfig import ClusterSettings, kubeconfig_document

CLUSTER: Final = "cluster_identity"
"""Of a target on a cluster: SHA-256 over the server's address and what proves at a connection that it is the one."""
HOST: Final = "host_identity"
"""Of a target that is a host: SHA-256 over its pinned keys."""


def cluster_identity(settings: ClusterSettings) -> str:
    """Return the identity of the cluster that the settings reach. Raises ConfigurationError where they reach none."""
    if settings.in_cluster:
        # The cluster that the worker runs in, whose address and authority only its pods are given.
        return sha256_of({"in_cluster": True})
    cluster = kubeconfig_document(settings)["clusters"][0]["cluster"]
    server = urlsplit(str(cluster["server"]))
    return sha256_of(
        {
            "server": [server.scheme.lower(), (server.hostname or "").lower(), server.port, server.path.rstrip("/")],
            "authority": _authority(cluster),
            # What lets another certificate, or none, pass for the cluster's.
            "tls": {name: cluster.get(name) for name in ("tls-server-name", "insecure-skip-tls-verify", "proxy-url")},
        }
    )


def _authority(cluster: Mapping[str, Any]) -> str | None:
    """Return what the cluster's certificate has to be of, however its text is wrapped; a file by its name."""
    data = cluster.get("certificate-authority-data")
    if data is None:
        file = cluster.get("certificate-authority")
        return None if file is None else f"file {file}"
    try:
        text = base64.b64decode(str(data)).decode("ascii")
    except ValueError:
        return str(data)
    return "".join(text.split())


def host_identity(fleet: FleetSettings, name: str) -> str | None:
    """Return the identity of the host called `name`; None where the fleet has none, or no key of it is pinned."""
    try:
        keys = fleet.host(name).host_keys
    except TargetNotFound:
        return None
    return sha256_of({"host_keys": sorted(" ".join(key.split()[:2]) for key in keys)}) if keys else None


def require_same(signed: str | None, found: str | None, *, name: str) -> None:
    """Raise NotTrusted where the name means another place than it did when the request was signed.

    A request without one was put on record by somebody's own program: every door of ours files none.
    """
    if signed is not None and found != signed:
        raise NotTrusted(
            f"{name} is another place than the one that was signed for: its block now has another address or key.",
            hint="restore the block, or file and sign the request again",
        )
