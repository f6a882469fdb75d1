"""Which cluster an action is about: the one that it names, else the one that its requester named, else the default.

Chosen once, when the request is filed, and signed with it (`target.cluster`). Everything afterwards takes the name
from there or from the plan, so that a default that is changed later moves nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from countersign.errors import ConfigurationError, InvalidInput
from countersign.targets.kubernetes.kubeconfig import ClusterSettings

DEFAULT_BLOCK = "default"
ADD = "countersign clusters add NAME --kubeconfig FILE"


class ClusterGone(ConfigurationError):
    """The cluster that was signed or planned for is not configured any more."""


@dataclass(frozen=True)
class Clusters:
    """The clusters that are configured."""

    by_name: Mapping[str, ClusterSettings | ConfigurationError] = field(default_factory=dict)
    """By the cluster's name in the records. An error is raised by whoever needs that cluster, and by nobody else."""
    default: str | None = None
    """The cluster that is meant where none is named."""
    problem: ConfigurationError | None = None
    """Why it cannot be told which clusters there are."""
    missing_default: str | None = None
    """The block that was chosen for the default cluster and does not exist."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names, sorted."""
        return tuple(sorted(self.by_name))

    def named(self, name: str) -> ClusterSettings:
        """Return the settings of one cluster. Raises ConfigurationError: unknown, with the list, or unusable."""
        if self.problem is not None:
            raise self.problem
        found = self.by_name.get(name)
        if found is None:
            raise ConfigurationError(f"There is no cluster {name!r}.", hint=known_clusters(self.names))
        if isinstance(found, ConfigurationError):
            raise found
        return found

    def the_default(self) -> ClusterSettings:
        """Return the default cluster's settings. Raises ConfigurationError."""
        if self.problem is not None:
            raise self.problem
        if self.default is None and not self.by_name:
            raise ConfigurationError("No cluster is configured.", hint=f"connect one: {ADD} (docs/clusters.md)")
        if self.missing_default is not None:
            raise ConfigurationError(
                f"The default cluster's block {self.missing_default!r} does not exist.",
                hint=f"choose another: countersign clusters default NAME; {known_clusters(self.names)}",
            )
        if self.default is None:
            raise ConfigurationError(
                "No cluster is named, and none is the default one.",
                hint=f"name one of {', '.join(self.names)}, or choose it: countersign clusters default NAME",
            )
        return self.named(self.default)

    def signed(self, target: Mapping[str, Any] | None) -> ClusterSettings:
        """Return the cluster that an approval with this `target` was signed for.

        One that was filed while no cluster was known names none: it means the only one there is. Raises
        ConfigurationError.
        """
        name = (target or {}).get("cluster")
        if name is None and len(self.by_name) > 1:
            raise ConfigurationError(
                "The approval names no cluster, and there are several: nobody signed on which one it acts.",
                hint="file it anew with --cluster NAME",
            )
        if name is not None and self.problem is None and name not in self.by_name:
            raise ClusterGone(
                f"It was signed for the cluster {name!r}, which does not exist any more.",
                hint=f"connect it again under that name, or file a new request; {known_clusters(self.names)}",
            )
        return self.the_default() if name is None else self.named(name)

    def planned(self, system: str) -> ClusterSettings:
        """Return the cluster that a plan was made for. Raises ClusterGone, ConfigurationError."""
        if self.problem is None and system not in self.by_name:
            raise ClusterGone(
                f"The plan was made for the cluster {system!r}, which does not exist any more.",
                hint=f"connect it again under that name, or look at the target and settle by hand; "
                f"{known_clusters(self.names)}",
            )
        return self.named(system)


NO_CLUSTERS: Final = Clusters()


def only(cluster: ClusterSettings) -> Clusters:
    """Return the clusters of somebody who has one."""
    return Clusters({cluster.name: cluster}, default=cluster.name)


def choose_cluster(
    *, in_action: str | None, asked: str | None, default: str | None, known: Collection[str]
) -> str | None:
    """Return the cluster that is meant, None where nobody names one and there is no default. Pure.

    `in_action` is what the action's own --context or --cluster says, `asked` what stands beside the action. Raises
    InvalidInput where the two differ, or where the one that is named is not `known`.
    """
    if in_action is not None and asked is not None and in_action != asked:
        raise InvalidInput(
            f"cluster: the action names {in_action!r}, and the request {asked!r}", hint="leave one of them out"
        )
    named = asked if in_action is None else in_action
    if named is None:
        return default
    if named not in known:
        where = "cluster" if in_action is None else "action"
        raise InvalidInput(f"{where}: there is no cluster {named!r}", hint=known_clusters(known, near=named))
    return named


def known_clusters(known: Iterable[str], *, near: str = "") -> str:
    """Return the list of clusters as a hint; the one that `near` resembles is named first."""
    names = sorted(known)
    if not names:
        return f"no cluster is configured; connect one: {ADD}"
    found = get_close_matches(near[:60], names, n=1) if near else []
    return (f"did you mean {found[0]}? " if found else "") + f"known clusters: {', '.join(names)}"


def clusters_of(
    blocks: Mapping[str, ClusterSettings | ConfigurationError], names: Mapping[str, str], *, chosen: str | None
) -> Clusters:
    """Return the clusters that the blocks mean, by the blocks' names; `names` are the clusters' names in them. Pure.

    `chosen` is the default cluster's block. Where none was chosen it is the block named default, or the only one.
    Two blocks for one name make it unusable: nobody can tell which cluster its records and signatures are about.
    """
    found: dict[str, ClusterSettings | ConfigurationError] = {}
    for block in sorted(blocks):
        name = names[block]
        same = sorted(other for other in blocks if names[other] == name)
        found[name] = blocks[block] if len(same) == 1 else _ambiguous(name, same)
    if chosen is not None:
        return Clusters(found, default=names.get(chosen), missing_default=None if chosen in names else chosen)
    alone = next(iter(found)) if len(found) == 1 else None
    return Clusters(found, default=names.get(DEFAULT_BLOCK, alone))


def _ambiguous(name: str, blocks: list[str]) -> ConfigurationError:
    return ConfigurationError(
        f"The KubernetesCluster blocks {' and '.join(blocks)} both call their cluster {name!r}.",
        hint="give each its own Cluster name in Prefect's UI, or delete one",
    )
