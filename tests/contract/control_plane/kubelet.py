"""A stand-in for the kubelets of some nodes: `python -m tests.contract.control_plane.kubelet KUBECONFIG NODE...`.

It registers the nodes, keeps their leases fresh, reports the pods that the scheduler has bound to them, and finishes
their deletion. What it reports is decided in pod_status.py; it starts nothing, and nothing can be asked of it.
"""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from urllib3.exceptions import HTTPError

from tests.contract.api import MERGE, STRATEGIC, Answer, Api
from tests.contract.control_plane.pod_status import differs, is_terminal, running_status, terminated_status

Object = dict[str, Any]

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
LEASE_SECONDS = 40
"""The kubelet's default ("Leases", "Node heartbeats"); renewed about every 10 s, at the end of each watch."""
PAUSE_SECONDS = 0.5
LANES = 8
"""How many pods are looked at at the same time. A test session leaves hundreds to delete when it ends."""
ROOM = {"cpu": "16", "memory": "64Gi", "ephemeral-storage": "100Gi", "pods": "500"}


class Kubelet:
    """Serves some nodes of one cluster."""

    def __init__(self, api: Api, nodes: list[str]) -> None:
        self._api = api
        self._nodes = nodes
        self._lanes = [ThreadPoolExecutor(1) for _ in range(LANES)]
        self._newest: dict[str, Object] = {}

    def register(self) -> None:
        """Make the nodes known, with the labels and conditions that a kubelet gives its own."""
        version = self._api.get("/version").ok()["gitVersion"]
        for name in self._nodes:
            labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
            body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
            self._told(self._api.request("POST", "/api/v1/nodes", body), 409)
            status = {"status": node_status(version, rfc3339(datetime.now(UTC)))}
            path = f"/api/v1/nodes/{name}/status"
            self._told(self._api.request("PATCH", path, status, content_type=STRATEGIC))

    def round(self) -> None:
        """Look at every pod, then at what changes, until the server ends the watch."""
        self._renew_leases()
        found = self._api.get("/api/v1/pods").ok()
        for pod in found["items"]:
            self._show(pod)
        version = found["metadata"]["resourceVersion"]
        for event in self._api.watch("/api/v1/pods", resourceVersion=version):
            if event["type"] == "ERROR":
                return  # the version is too old by now: list again
            if event["type"] != "DELETED":
                self._show(event["object"])

    def _show(self, pod: Object) -> None:
        """Have a pod of our nodes looked at soon: each by one lane, and in its newest state only."""
        if pod["spec"].get("nodeName") in self._nodes:
            uid = pod["metadata"]["uid"]
            self._newest[uid] = pod
            self._lanes[hash(uid) % LANES].submit(self._look_at_newest, uid)

    def _look_at_newest(self, uid: str) -> None:
        pod = self._newest.pop(uid, None)
        if pod is not None:
            try:
                self._look_at(pod)
            except HTTPError as error:
                log(f"{type(error).__name__}: {error}")

    def _look_at(self, pod: Object) -> None:
        metadata, now = pod["metadata"], rfc3339(datetime.now(UTC))
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        leaving = "deletionTimestamp" in metadata
        if leaving and is_terminal(pod):
            if metadata.get("deletionGracePeriodSeconds") != 0:
                # The last step of "Termination of Pods": the kubelet sets the grace period to 0.
                options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
                self._told(self._api.request("DELETE", path, options), 404, 409)
        elif not is_terminal(pod):
            wanted = terminated_status(pod, now) if leaving else running_status(pod, now)
            wanted |= addresses(metadata["uid"])
            if differs(wanted, pod.get("status", {})):
                # What somebody else has written meanwhile comes as an event of its own, and is looked at then.
                same = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
                body = {"metadata": same, "status": wanted}
                self._told(self._api.request("PATCH", path + "/status", body, content_type=STRATEGIC), 404, 409)

    def _renew_leases(self) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        for name in self._nodes:
            spec = {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now}
            answer = self._api.request("PATCH", f"{LEASES}/{name}", {"spec": spec}, content_type=MERGE)
            if answer.status == 404:
                kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
                body = {**kind, "metadata": {"name": name}, "spec": spec}
                # 404: the namespace is made by the API server a moment after its start.
                self._told(self._api.request("POST", LEASES, body), 404)

    def _told(self, answer: Answer, *expected: int) -> None:
        """Log an answer that is neither a success nor expected; the next round tries again."""
        if answer.status >= 300 and answer.status not in expected:
            log(f"{answer.status} {answer.body}")


def node_status(version: str, now: str) -> Object:
    """Return the status of a node that is well ("Node Status"), as the body of a strategic merge patch."""
    conditions = [
        ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID"),
        ("Ready", "True", "KubeletReady"),
    ]
    times = {"lastHeartbeatTime": now, "lastTransitionTime": now}
    return {
        "capacity": ROOM,
        "allocatable": ROOM,
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "conditions": [
            {"type": kind, "status": status, "reason": reason, "message": "stand-in kubelet", **times}
            for kind, status, reason in conditions
        ],
        "nodeInfo": {"kubeletVersion": version, "operatingSystem": "linux", "architecture": "amd64"},
    }


def addresses(uid: str) -> Object:
    """Return a pod's addresses: always the same ones for a pod, of a network that does not exist."""
    first, second = sha256(uid.encode()).digest()[:2]
    address = f"10.244.{first}.{second}"
    host = "127.0.0.1"
    return {"podIP": address, "podIPs": [{"ip": address}], "hostIP": host, "hostIPs": [{"ip": host}]}


def rfc3339(at: datetime) -> str:
    """Return a time as the API writes it, to the second."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def log(line: str) -> None:
    """Write a line where `start` keeps this process's log."""
    sys.stderr.write(line + "\n")


def main() -> None:
    """Serve the nodes until the process is ended; a server that does not answer is asked again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("nodes", nargs="+", metavar="NODE")
    given = parser.parse_args()
    with Api(given.kubeconfig.read_text(), None) as api:
        kubelet = Kubelet(api, given.nodes)
        kubelet.register()
        while True:
            try:
                kubelet.round()
            except (HTTPError, AssertionError) as error:
                log(f"{type(error).__name__}: {error}")
                time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
