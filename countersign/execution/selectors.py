"""From a selector to names, once, when an action is filed: the list is what is signed and what runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from countersign.actions import describe
from countersign.actions.reading import MAX_CHARACTERS, read_action
from countersign.actions.selection import NotNamedYet, Selection
from countersign.errors import CountersignError, InvalidInput, ParseFailure, PolicyRefused
from countersign.policy.document import Policy
from countersign.settings import Settings
from countersign.targets.kubernetes.connection import Connection, connect
from countersign.targets.kubernetes.kinds import list_path
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from countersign.targets.kubernetes.resolve import namespace_of

_TIMEOUT_SECONDS = float(Settings.model_fields["request_timeout_seconds"].default)


@dataclass(frozen=True)
class Selected:
    """What a selector meant when the action was filed."""

    action: str
    """The action on the named objects."""
    as_written: str
    selector: str
    names: tuple[str, ...]


def select(
    action: str, *, policy: Policy, choose: Callable[[Mapping[str, Any]], ClusterSettings | None]
) -> Selected | None:
    """Return what `action` means by its selector now; None where it has none.

    `choose` returns the cluster that a reading is about. Raises InvalidInput where the cluster cannot be asked, where
    nothing is selected or too much, and what `choose` raises.
    """
    try:
        read_action(action)
    except NotNamedYet as unnamed:
        selection = unnamed.selection
    except ParseFailure:
        return None
    else:
        return None
    cluster = choose(describe(selection.operation))
    if cluster is None:
        raise InvalidInput(
            f"action: -l {selection.selector} is resolved to names when it is filed, and no cluster is configured",
            hint="write the names, or file it where a KubernetesCluster block is",
        )
    try:
        with connect(cluster, request_timeout=_TIMEOUT_SECONDS) as connection:
            namespace, names = _names(connection, selection)
    except PolicyRefused:
        raise
    except CountersignError as error:
        raise InvalidInput(
            f"action: -l {selection.selector} is resolved to names when it is filed, and the cluster "
            f"{cluster.name} could not be asked: {error.message}",
            hint="write the names, or file it again once the cluster can be reached",
        ) from error
    return _checked(
        selection, action, names, namespace=namespace, limit=policy.at_cluster(cluster.name).max_affected_pods
    )


def _names(connection: Connection, selection: Selection) -> tuple[str, tuple[str, ...]]:
    operation = selection.operation
    namespace = namespace_of(connection, operation) or ""
    path = list_path(connection, operation.kind, namespace, version=operation.version)
    what = f"list the {operation.kind}s with {selection.selector}"
    items = connection.get(path, {"labelSelector": selection.selector}, what=what)["items"]
    # What is on its way out already needs no action.
    found = (item["metadata"] for item in items)
    return namespace, tuple(sorted(each["name"] for each in found if not each.get("deletionTimestamp")))


def _checked(
    selection: Selection, action: str, names: tuple[str, ...], *, namespace: str, limit: int | None
) -> Selected:
    kind, selector = selection.operation.kind, selection.selector
    if not names:
        raise InvalidInput(
            f"action: no {kind} in namespace {namespace} has {selector}",
            hint="look with kubectl get -l, and file again",
        )
    if limit is not None and len(names) > limit:
        raise InvalidInput(
            f"action: {selector} selects {len(names)} {kind}s in namespace {namespace}, {limit} are allowed at once",
            hint="select less; the limit is the policy's max_affected_pods",
        )
    named = selection.named(names, namespace=namespace)
    if len(named) > MAX_CHARACTERS:
        raise InvalidInput(f"action: {selector} selects {len(names)} {kind}s, too many for one action")
    return Selected(named, action, selector, names)
