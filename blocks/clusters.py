"""All KubernetesCluster blocks as the clusters that they mean, and which of them is the default one."""

from collections.abc import Mapping
from typing import Final

import httpx
from prefect.variables import Variable

from blocks.kubernetes_cluster import KubernetesCluster
from blocks.loading import Found, load_all
from countersign.errors import ConfigurationError
from countersign.execution.clusters import Clusters, clusters_of
from countersign.settings import Settings
from countersign.targets.kubernetes.kubeconfig import ClusterSettings

DEFAULT_VARIABLE: Final = "countersign_default_cluster"
"""The Prefect variable with the name of the default cluster's block."""


async def load_clusters(settings: Settings) -> Clusters:
    """Return the clusters. What is wrong with one, or with all, is kept for whoever needs it."""
    try:
        _found, clusters = await clusters_in(settings)
    except ConfigurationError as error:
        return Clusters(problem=error)
    return clusters


async def clusters_in(settings: Settings) -> tuple[Mapping[str, Found[KubernetesCluster]], Clusters]:
    """Return the blocks by their names, and the clusters that they mean. Raises ConfigurationError."""
    found = await load_all(KubernetesCluster)
    chosen = settings.cluster_block or await chosen_default()
    blocks = {name: settings_of(each) for name, each in found.items()}
    names = {name: cluster_name(each) for name, each in found.items()}
    return found, clusters_of(blocks, names, chosen=chosen)


def settings_of(found: Found[KubernetesCluster]) -> ClusterSettings | ConfigurationError:
    """Return what the block means, or why it cannot be used here: a file that it names may not be mounted."""
    if isinstance(found.block, ConfigurationError):
        return found.block
    try:
        return found.block.settings()
    except ConfigurationError as error:
        return error


def cluster_name(found: Found[KubernetesCluster]) -> str:
    """Return what records and reports call the block's cluster, also where the block cannot be used."""
    return str(found.fields.get("cluster_name") or KubernetesCluster.model_fields["cluster_name"].default)


async def chosen_default() -> str | None:
    """Return the block that was chosen for the default cluster, None where none was. Raises ConfigurationError."""
    try:
        value = await Variable.aget(DEFAULT_VARIABLE)
    except httpx.HTTPError as error:
        raise _not_asked(error) from None
    return value if isinstance(value, str) and value else None


async def choose_default(block: str | None) -> None:
    """Make `block` the default cluster's, or none. Raises ConfigurationError."""
    try:
        if block is None:
            await Variable.aunset(DEFAULT_VARIABLE)
        else:
            await Variable.aset(DEFAULT_VARIABLE, block, overwrite=True)
    except httpx.HTTPError as error:
        raise _not_asked(error) from None


def _not_asked(error: httpx.HTTPError) -> ConfigurationError:
    return ConfigurationError(
        f"Prefect's API cannot be asked for the variable {DEFAULT_VARIABLE}: {type(error).__name__}",
        hint="check PREFECT_API_URL",
    )
