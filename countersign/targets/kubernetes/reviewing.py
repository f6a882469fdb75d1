"""Ask a cluster which of the rights that operations need these credentials lack."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.rights import Right, needs_of


@dataclass(frozen=True)
class Missing:
    """A right that the credentials do not have."""

    right: Right
    namespace: str | None
    """None: outside of any namespace, or in all of them."""
    operations: tuple[str, ...]
    """What needs it, as the policy calls it."""

    def __str__(self) -> str:
        place = f"in namespace {self.namespace}" if self.namespace else "in the whole cluster"
        return f"may not {self.right} {place}, which {_listed(self.operations)} needs"


def missing_rights(
    connection: Connection, operations: Iterable[str], *, namespaces: Sequence[str] = (), secrets: bool = False
) -> tuple[Missing, ...]:
    """Return what is missing; one request for each right and namespace. No namespaces means all of them.

    Raises TargetNotFound where the server has no such reviews, TransientTargetError, PermanentTargetError.
    """
    found = []
    for right, needs in groupby(needs_of(operations, secrets=secrets), key=lambda need: need.right):
        needing = tuple(dict.fromkeys(need.operation for need in needs))
        places: Sequence[str | None] = (None,) if right.everywhere or not namespaces else namespaces
        found += [Missing(right, namespace, needing) for namespace in places if not may(connection, right, namespace)]
    return tuple(found)


def may(connection: Connection, right: Right, namespace: str | None) -> bool:
    """Return whether the credentials have a right; namespace None asks outside of any, or in all of them."""
    resource, _, subresource = right.resource.partition("/")
    answer = connection.review(
        {
            "group": right.group,
            "resource": resource,
            "subresource": subresource,
            "verb": right.verb,
            "namespace": namespace or "",
        }
    )
    return bool((answer.get("status") or {}).get("allowed"))


def _listed(operations: tuple[str, ...]) -> str:
    return operations[0] if len(operations) == 1 else f"each of {', '.join(operations)}"
