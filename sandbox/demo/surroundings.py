"""Names that only the living cluster knows: a pod to delete, a node to drain."""

from collections.abc import Sequence

from countersign.execution.services import Services
from countersign.targets.kubernetes.connection import Connection, connect


def fill_in(services: Services, actions: Sequence[str]) -> list[str]:
    """Put a pod that no other case replaces, and the node with the fewest pods, into the actions' places."""
    settings = services.settings
    with connect(services.clusters.the_default(), request_timeout=settings.request_timeout_seconds) as connection:
        node = _node(connection)
        names = {"pod": _pod(connection, not_on=node), "node": node}
    return [_filled(action, names) for action in actions]


def _filled(action: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        action = action.replace("{" + name + "}", value)
    return action


def _pod(connection: Connection, *, not_on: str) -> str:
    """Return a pod of staging's: its web gets a bad image, `not_on` is drained, and prod's workloads are rolled."""
    pods = connection.get("/api/v1/namespaces/staging/pods")["items"]
    left = (pod for pod in pods if pod["spec"].get("nodeName") != not_on)
    return next(name for pod in left if not (name := str(pod["metadata"]["name"])).startswith("web-"))


def _node(connection: Connection) -> str:
    """Return the node with the fewest pods."""
    nodes = [node["metadata"]["name"] for node in connection.get("/api/v1/nodes")["items"]]
    pods = connection.get("/api/v1/pods")["items"]
    return str(min(nodes, key=lambda node: sum(pod["spec"].get("nodeName") == node for pod in pods)))
