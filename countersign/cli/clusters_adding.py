"""Connecting a cluster: read its kubeconfig, try it, save it in a block."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from blocks.clusters import choose_default
from blocks.kubernetes_cluster import KubernetesCluster
from blocks.loading import save_block
from countersign.cli.clusters import require_default_free
from countersign.cli.clusters_saved import SavedCluster, saved_clusters
from countersign.cli.kubeconfig_file import (
    namespace_of_context,
    only_context,
    read_file,
    read_token,
    with_token,
)
from countersign.errors import InvalidInput
from countersign.settings import load_settings
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from countersign.targets.kubernetes.kubeconfig_rules import Allowances, allowances_of

NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._@:-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Wanted:
    """What `clusters add` was told."""

    name: str
    kubeconfig: str
    """A file's path, or - for standard input."""
    context: str | None
    namespace: str | None
    allowed_namespaces: tuple[str, ...]
    default: bool
    replace: bool
    token: str | None = None
    """A file with the token to use, or - for standard input; None is the context's own user."""


def add_cluster(wanted: Wanted) -> list[str]:
    """Connect and save; return what to tell. Raises InvalidInput, ConfigurationError: then nothing was saved."""
    settings = load_settings()
    clusters = saved_clusters(settings)
    block_name = _block_name(wanted, clusters)
    # Whoever connects a first cluster means it.
    first = not clusters and settings.cluster_block is None
    if wanted.default:
        require_default_free(settings.cluster_block, block_name)
    block = KubernetesCluster(**_fields(wanted, allowances_of(settings)))
    said = block.check()
    asyncio.run(save_block(block, block_name))
    if wanted.default or first:
        asyncio.run(choose_default(block_name))
    return [said, _placed(wanted.name, saved_clusters(settings))]


def _fields(wanted: Wanted, allowed: Allowances) -> dict[str, Any]:
    """Return the block's fields."""
    if (wanted.kubeconfig, wanted.token).count("-") == 2:
        raise InvalidInput("--kubeconfig and --token cannot both be standard input", hint="name a file for one")
    given = ClusterSettings(
        name=wanted.name, kubeconfig=SecretStr(read_file(wanted.kubeconfig)), context=wanted.context, allowed=allowed
    )
    if wanted.token is not None:
        given = with_token(given, read_token(wanted.token))
    namespace = wanted.namespace or _default_namespace(namespace_of_context(given), wanted.allowed_namespaces)
    folder = Path.cwd() if wanted.kubeconfig == "-" else Path(wanted.kubeconfig).expanduser().absolute().parent
    text = only_context(replace(given, default_namespace=namespace), folder=folder)
    if wanted.allowed_namespaces and namespace not in wanted.allowed_namespaces:
        raise InvalidInput(
            f"--namespace: {namespace!r} is not among the namespaces that are allowed",
            hint=f"allowed: {', '.join(wanted.allowed_namespaces)}",
        )
    return {
        "cluster_name": wanted.name,
        "kubeconfig": SecretStr(text),
        "default_namespace": namespace,
        "allowed_namespaces": list(wanted.allowed_namespaces),
    }


def _default_namespace(of_context: str, allowed: Sequence[str]) -> str:
    return of_context if not allowed or of_context in allowed else allowed[0]


def _block_name(wanted: Wanted, clusters: Sequence[SavedCluster]) -> str:
    """Return the name of the block: the one that has the cluster, else one made from the cluster's name.

    Raises InvalidInput where the name is none, or taken.
    """
    if NAME.fullmatch(wanted.name) is None:
        raise InvalidInput(
            f"NAME: {wanted.name!r} is not a name for a cluster",
            hint="use letters, digits and . _ @ : - between them, up to 63, e.g. production",
        )
    same = [cluster for cluster in clusters if cluster.name == wanted.name]
    if same and not wanted.replace:
        raise InvalidInput(
            f"NAME: there is a cluster {wanted.name!r} already, at {same[0].server_host or 'an unknown address'}",
            hint="choose another name, or pass --replace to give it this kubeconfig",
        )
    if same:
        return same[0].block
    slug = re.sub(r"[^a-z0-9]+", "-", wanted.name.lower()).strip("-")
    taken = next((cluster for cluster in clusters if cluster.block == slug), None)
    if taken is not None:
        raise InvalidInput(
            f"NAME: the block {slug!r} is that of the cluster {taken.name!r} already",
            hint="choose another name: a block is called by it, in small letters and dashes",
        )
    return slug


def _placed(name: str, clusters: Sequence[SavedCluster]) -> str:
    default = next((cluster.name for cluster in clusters if cluster.is_default), None)
    if default == name:
        return f"{name} is connected, and the default cluster."
    said = f"{name} is connected. An action means it with --context {name}, a request with --cluster {name}"
    return f"{said}; the default cluster is {default}." if default else f"{said}; no cluster is the default one."
