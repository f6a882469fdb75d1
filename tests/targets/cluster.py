"""What tests of the Kubernetes target do with a cluster: make objects, read them, act, lose answers."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from typing import Any, Self
from uuid import uuid4

from pydantic import SecretStr

from countersign.actions.operation import KubernetesOperation, NoParameters, Parameters, Verb
from countersign.errors import TargetNotFound
from countersign.targets.kubernetes.believing import asked_of
from countersign.targets.kubernetes.connection import ClusterSettings, Connection, connect
from countersign.targets.kubernetes.kinds import list_path, object_path
from countersign.targets.kubernetes.kubeconfig_rules import Allowances
from countersign.targets.kubernetes.requests import HttpRequest
from countersign.targets.kubernetes.target import KubernetesTarget
from countersign.targets.model import Plan, Receipt, Step
from tests.intents import apply
from tests.targets.lossy import LossyProxy

WAIT_SECONDS = 180
"""For a machine that is busy with others; nobody waits longer than something takes."""


class Cluster:
    """A target behind a lossy proxy, in a namespace of the test's own."""

    def __init__(self, kubeconfig: str) -> None:
        self.proxy = LossyProxy(kubeconfig)
        self.direct = SecretStr(kubeconfig)
        """For kubectl, which gives no token to a proxy without TLS."""
        self._numbers = count(1)
        self._run = uuid4().hex[:6]
        self._made: list[str] = []
        self.namespace = "default"
        self.connection: Connection
        self.target: KubernetesTarget

    def __enter__(self) -> Self:
        self.proxy.__enter__()
        self._connect()
        return self

    def __exit__(self, *_: object) -> None:
        for namespace in self._made:
            with suppress(TargetNotFound):
                self.write("DELETE", f"/api/v1/namespaces/{namespace}", None, what="clean up")
        self.connection.close()
        self.proxy.__exit__()

    def settings(self, **changed: Any) -> ClusterSettings:
        return ClusterSettings(
            "c",
            **{
                "default_namespace": self.namespace,
                "kubeconfig": self.proxy.kubeconfig,
                "allowed": Allowances(insecure_tls=True),
                **changed,
            },
        )

    def _connect(self) -> None:
        self.connection = connect(self.settings(), request_timeout=30)
        self.target = KubernetesTarget(self.connection)

    def use_namespace(self, namespace: str) -> None:
        """Make it the default namespace of the connection."""
        if namespace != self.namespace:
            self.connection.close()
            self.namespace = namespace
            self._connect()

    def new_namespace(self) -> None:
        self.use_namespace(f"t-{self._run}-{next(self._numbers)}")
        self.write("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}}, what="namespace")
        self._made.append(self.namespace)
        self.proxy.writes.clear()

    # --- objects ---------------------------------------------------------------------------------

    def write(self, method: str, path: str, body: Any, *, what: str, content_type: str = "application/json") -> Any:
        """Change the cluster as somebody else does, past everything that Countersign asks of itself."""
        return self.connection._request(
            HttpRequest(method, path, body, content_type), what=what, about=asked_of(path, body), mutation=True
        )

    def path(self, kind: str, name: str) -> str:
        return object_path(self.connection, kind, self.namespace, name)

    def get(self, kind: str, name: str) -> Any:
        return self.connection.get(self.path(kind, name))

    def items(self, kind: str) -> list[Any]:
        return list(self.connection.get(list_path(self.connection, kind, self.namespace))["items"])

    def create(self, kind: str, body: dict[str, Any]) -> Any:
        path = list_path(self.connection, kind, self.namespace)
        made = self.write("POST", path, body, what=f"create {kind}")
        self.proxy.writes.clear()
        return made

    def change(self, kind: str, name: str, patch: dict[str, Any]) -> Any:
        """What somebody else does in the meantime: a merge patch."""
        content_type = "application/merge-patch+json"
        return self.write("PATCH", self.path(kind, name), patch, what="change", content_type=content_type)

    def workload(
        self, kind: str = "Deployment", name: str = "api", *, replicas: int = 0, image: str = "app:1"
    ) -> Any:
        """Make a workload and wait until its controller has seen it."""
        spec: dict[str, Any] = {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
        }
        if kind == "StatefulSet":
            spec["serviceName"] = name
        if kind != "DaemonSet":
            spec["replicas"] = replicas
        group = "batch/v1" if kind == "Job" else "apps/v1"
        self.create(kind, {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec})
        return self.settled(kind, name)

    def settled(self, kind: str, name: str) -> Any:
        """Wait until the controller has nothing more to do with a workload, and return it."""

        def done() -> Any:
            live = self.get(kind, name)
            status, wanted = live.get("status") or {}, live["spec"].get("replicas", 0)
            seen = status.get("observedGeneration", 0) == live["metadata"]["generation"]
            if kind == "DaemonSet":
                ready = status.get("numberAvailable", 0) == status.get("desiredNumberScheduled", 0)
                return live if seen and ready and status.get("updatedNumberScheduled", 0) >= 0 else None
            counts = [status.get(key, 0) for key in ("replicas", "readyReplicas", "updatedReplicas")]
            if kind == "ReplicaSet":
                counts.pop()
            rolled = kind != "Deployment" or "deployment.kubernetes.io/revision" in (
                live["metadata"].get("annotations") or {}
            )
            paused = live["spec"].get("paused", False)
            return live if seen and (paused or (rolled and counts == [wanted] * len(counts))) else None

        return self.until(done)

    def until(self, look: Callable[[], Any]) -> Any:
        """Look again and again until there is something, and return it."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            found = look()
            if found:
                return found
            assert time.monotonic() < deadline, "the state did not come"
            time.sleep(0.05)

    # --- actions ---------------------------------------------------------------------------------

    def operation(
        self, verb: Verb, kind: str, *names: str, parameters: Parameters | None = None
    ) -> KubernetesOperation:
        return KubernetesOperation(verb, kind, names, None, parameters or NoParameters())

    def plan(self, operation: KubernetesOperation) -> Plan:
        resolution = self.target.resolve(operation)
        return self.target.plan(operation, resolution, at=datetime.now(UTC))

    def perform(self, operation: KubernetesOperation) -> Plan:
        """Plan and send every step, as an execution would without trouble."""
        plan = self.plan(operation)
        for step in plan.steps:
            self.apply(plan, step)
        return plan

    def apply(self, plan: Plan, step: Step) -> Receipt:
        """Send one step, as if its intent were on record."""
        return apply(self.target, plan, step)
