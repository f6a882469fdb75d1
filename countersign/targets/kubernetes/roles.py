"""Pure: the manifests of the least role for some rights, bound to a service account."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from countersign.targets.kubernetes.rights import Need, Right

_API: Final = "rbac.authorization.k8s.io"
_LABELS: Final = {"app.kubernetes.io/name": "countersign"}
# The order in which people read them.
_VERBS: Final = ("get", "list", "watch", "create", "patch", "delete")


@dataclass(frozen=True)
class ServiceAccount:
    """Who acts: name and namespace of a service account."""

    name: str
    namespace: str

    @property
    def role(self) -> str:
        """The name of its roles; two service accounts of one name do not share a ClusterRole."""
        return self.name if self.name == self.namespace else f"{self.namespace}-{self.name}"


def manifests(
    needs: Iterable[Need], *, account: ServiceAccount, namespaces: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the service account, its roles and their bindings.

    Without namespaces everything is one ClusterRole. With them, there is one Role in each, and a ClusterRole only for
    what no namespace has: nodes and other objects outside of them, and lists over all namespaces.
    """
    rights = sorted({need.right for need in needs})
    made: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(account.name, account.namespace)}
    ]
    clusterwide = [right for right in rights if right.everywhere or not namespaces]
    if clusterwide:
        made += _role("ClusterRole", clusterwide, account, None)
    within = [right for right in rights if not right.everywhere]
    if within:
        for namespace in dict.fromkeys(namespaces):
            made += _role("Role", within, account, namespace)
    return made


def _role(
    kind: str, rights: Sequence[Right], account: ServiceAccount, namespace: str | None
) -> Iterable[dict[str, Any]]:
    subject = {"kind": "ServiceAccount", "name": account.name, "namespace": account.namespace}
    yield {
        "apiVersion": f"{_API}/v1",
        "kind": kind,
        "metadata": _metadata(account.role, namespace),
        "rules": rules_of(rights),
    }
    yield {
        "apiVersion": f"{_API}/v1",
        "kind": f"{kind}Binding",
        "metadata": _metadata(account.role, namespace),
        "roleRef": {"apiGroup": _API, "kind": kind, "name": account.role},
        "subjects": [subject],
    }


def rules_of(rights: Iterable[Right]) -> list[dict[str, Any]]:
    """Return the rules: the resources of a group that have the same verbs together, nothing more than the rights."""
    verbs: dict[tuple[str, str], set[str]] = {}
    for right in rights:
        verbs.setdefault((right.group, right.resource), set()).add(right.verb)
    entries = sorted(
        (group, tuple(verb for verb in _VERBS if verb in given), resource)
        for (group, resource), given in verbs.items()
    )
    return [
        {"apiGroups": [group], "resources": [resource for _, _, resource in same], "verbs": list(given)}
        for (group, given), same in groupby(entries, key=lambda entry: entry[:2])
    ]


def _metadata(name: str, namespace: str | None) -> dict[str, Any]:
    place = {} if namespace is None else {"namespace": namespace}
    return {"name": name, **place, "labels": dict(_LABELS)}
