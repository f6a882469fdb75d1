"""The clusters that are saved in blocks, as the commands show them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from countersign.errors import ConfigurationError, NotFound
from countersign.execution.clusters import known_clusters
from countersign.settings import Settings
from countersign.targets.kubernetes.kubeconfig import ClusterSettings, kubeconfig_document, reaches_of_settings

if TYPE_CHECKING:
    from blocks.kubernetes_cluster import KubernetesCluster


@dataclass(frozen=True)
class SavedCluster:
    """One cluster."""

    name: str
    block: str
    """The block's name."""
    saved: "KubernetesCluster | None"
    """None where the block's fields cannot be right, or a file that it names cannot be read here."""
    is_default: bool
    problem: ConfigurationError | None
    """Why it cannot be used, as far as that shows without connecting."""

    def check(self) -> str:
        """Connect and say what was found. Raises ConfigurationError."""
        if self.problem is not None or self.saved is None:
            raise self.problem or ConfigurationError(f"{self.name} cannot be used.")
        return self.saved.check() + (" It is the default cluster." if self.is_default else "")

    @property
    def uses(self) -> tuple[str, ...]:
        """What its kubeconfig uses of that which a setting has to allow."""
        if self.saved is None:
            return ()
        return tuple(reach.value for reach in reaches_of_settings(self.saved.settings()))

    @property
    def server_host(self) -> str:
        """Host and port of the API server, without a path or credentials."""
        return "" if self.saved is None else _server_host(self.saved.settings())

    @property
    def row(self) -> tuple[str, ...]:
        """The cells of the list."""
        fields = self.to_json()
        mark = "default" if self.is_default else ""
        uses = ", ".join(self.uses)
        return (self.name, mark, fields["server"], fields["context"], fields["namespace"], uses, self.block)

    def to_json(self) -> dict[str, Any]:
        """Return what is shown of it; no secrets."""
        settings = None if self.saved is None else self.saved.settings()
        return {
            "name": self.name,
            "default": self.is_default,
            "server": self.server_host,
            "context": "" if settings is None else _context(settings),
            "namespace": "" if settings is None else settings.default_namespace,
            "allowed_namespaces": [] if settings is None else list(settings.allowed_namespaces),
            "uses": list(self.uses),
            "block": self.block,
            "problem": None if self.problem is None else self.problem.message,
        }


def saved_clusters(settings: Settings) -> tuple[SavedCluster, ...]:
    """Return the clusters, sorted by name. Raises ConfigurationError where Prefect cannot be asked."""
    return asyncio.run(_saved(settings))


async def _saved(settings: Settings) -> tuple[SavedCluster, ...]:
    from blocks.clusters import cluster_name, clusters_in, settings_of  # noqa: PLC0415 - Prefect takes two seconds to import

    found, clusters = await clusters_in(settings)
    saved = []
    for block, each in found.items():
        name, meant = cluster_name(each), settings_of(each)
        own = meant if isinstance(meant, ConfigurationError) else None
        shared = clusters.by_name[name]
        saved.append(
            SavedCluster(
                name=name,
                block=block,
                saved=None if own is not None or isinstance(each.block, ConfigurationError) else each.block,
                is_default=name == clusters.default,
                problem=own or (shared if isinstance(shared, ConfigurationError) else None),
            )
        )
    return tuple(sorted(saved, key=lambda each: (each.name, each.block)))


def named(clusters: Sequence[SavedCluster], name: str) -> SavedCluster:
    """Return the cluster called `name`. Raises NotFound with the list, ConfigurationError where two have the name."""
    found = [cluster for cluster in clusters if cluster.name == name]
    if not found:
        raise NotFound(
            f"there is no cluster {name!r}", hint=known_clusters((each.name for each in clusters), near=name)
        )
    if len(found) > 1 and found[0].problem is not None:
        raise found[0].problem
    return found[0]


def _server_host(settings: ClusterSettings) -> str:
    if settings.in_cluster:
        return "in-cluster"
    server: str = kubeconfig_document(settings)["clusters"][0]["cluster"]["server"]
    return urlsplit(server).netloc.rpartition("@")[2]


def _context(settings: ClusterSettings) -> str:
    return "" if settings.kubeconfig is None else str(kubeconfig_document(settings)["current-context"])
