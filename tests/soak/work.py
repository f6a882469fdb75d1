"""What is filed: actions whose effect can be counted afterwards, each with a body or a place of its own."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

import httpx

from countersign.errors import CountersignError
from countersign.targets.kubernetes.connection import connect as open_connection
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from tests.faults.servers.place import Place

DEPLOYMENTS = ("api", "web", "payments", "worker")
NAMESPACES = ("prod", "staging")
ON_HOST: dict[str, tuple[str, ...]] = {
    "ssh web-1 'systemctl restart orders.service'": ("restart orders.service",),
    "ssh web-1 'systemctl restart nginx.service'": ("restart nginx.service",),
    "ssh web-1 'docker restart web'": ("restart web",),
    "ssh web-1 'docker compose -p shop restart cart'": ("restart shop-cart-1", "restart shop-cart-2"),
    "ssh web-1 'nginx -s reload'": ("reload nginx",),
    "ssh web-1 'df -h'": (),
}
"""Actions and what the host's log shows once one has had its effect."""
HOST_SHARE = 0.3
TWICE_SHARE = 0.1
"""Of the approvals, how many are triggered twice at once."""


@dataclass
class Filed:
    """An approval that was filed and signed."""

    approval_id: UUID
    action: str
    incident_id: str


class Work:
    """Files approvals and triggers them, as an approval system does that tries once and leaves the rest to others."""

    def __init__(self, place: Place, cluster: Callable[[], ClusterSettings], chance: random.Random) -> None:
        self.filed: list[Filed] = []
        self.triggers_lost = 0
        self._place = place
        self._cluster = cluster
        self._chance = chance
        self._deployment = place.deployment("execute-approval/execute-approval")

    def file_one(self) -> bool:
        """File, sign and trigger one approval; False where the database was not there for it."""
        action, incident_id = self._action(), f"INC-{uuid4()}"
        try:
            self._place.incident(incident_id)
            approval_id = self._place.approved(action, incident_id=incident_id)
        except CountersignError:
            return False
        self.filed.append(Filed(approval_id, action, incident_id))
        for _ in range(2 if self._chance.random() < TWICE_SHARE else 1):
            self._trigger(approval_id)
        return True

    def _trigger(self, approval_id: UUID) -> None:
        addresses = self._place.stack.addresses
        url = f"{addresses.api_url}/deployments/{self._deployment}/create_flow_run"
        body = {
            "parameters": {"approval_id": str(approval_id), "dry_run": False},
            "state": {"type": "SCHEDULED"},
        }
        try:
            httpx.post(url, json=body, auth=addresses.login(), timeout=5).raise_for_status()
        except httpx.HTTPError:
            self.triggers_lost += 1

    def _action(self) -> str:
        chance = self._chance
        if chance.random() < HOST_SHARE:
            return chance.choice(list(ON_HOST))
        name, namespace, number = chance.choice(DEPLOYMENTS), chance.choice(NAMESPACES), len(self.filed)
        match chance.randrange(6):
            case 0 | 1:
                return f"kubectl rollout restart deployment/{name} -n {namespace}"
            case 2:
                return f"kubectl annotate deployment/{name} soak=run-{number} -n {namespace} --overwrite"
            case 3:
                return f"kubectl label deployment/{name} soak=run-{number} -n {namespace} --overwrite"
            case 4:
                return f"kubectl set env deployment/{name} SOAK=run-{number} -n {namespace}"
            case _:
                return self._delete_pod(namespace) or f"kubectl rollout restart deployment/web -n {namespace}"

    def _delete_pod(self, namespace: str) -> str | None:
        try:
            with open_connection(self._cluster(), request_timeout=2) as connection:
                pods = connection.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
        except CountersignError:
            return None
        names = sorted(pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"].startswith(DEPLOYMENTS))
        return f"kubectl delete pod {self._chance.choice(names)} -n {namespace}" if names else None
