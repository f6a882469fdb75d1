"""Names that only the living cluster knows: a pod to delete, a node to drain."""

from collections.abc import Sequence

from countersign.execution.services import Services
from countersign.targets.kubernetes.connection import Connection, connect


def fill_in(services: Services, actions: Sequence[str]) -> list[str]:
    """Put a pod of prod's worker and a node without a database pod into the actions' places."""
    settings = services.settings
    with connect(services.clusters.the_default(), request_timeout=settings.request_timeout_seconds) as connection:
        names = {"worker_pod": _pod(connection), "node": _node(connection)}
    return [_filled(action, names) for action in actions]


def _filled(action: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        action = action.replace("{" + name + "}", value)
    return action


def _pod(connection: Connection) -> str:
    pods = connection.get("/api/v1/namespaces/prod/pods")["items"]
    return str(next(pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"].startswith("worker-")))


def _node(connection: Connection) -> str:
    """Return the node with the fewest pods."""
    nodes = [node["metadata"]["name"] for node in connection.get("/api/v1/nodes")["items"]]
    pods = connection.get("/api/v1/pods")["items"]
    return str(min(nodes, key=lambda node: sum(pod["spec"].get("nodeName") == node for pod in pods)))
