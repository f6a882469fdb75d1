"""The cluster's administrator: kubectl with the kubeconfig of the contract tests, past Countersign."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

KUBECTL = Path(sys.executable).parent / "kubectl"
WAIT = "120s"


class Admin:
    """kubectl, in the namespace of the tests unless said otherwise."""

    def __init__(self, kubeconfig: Path, context: str, namespace: str) -> None:
        self.kubeconfig = kubeconfig
        self.context = context
        self.namespace = namespace

    def environment(self) -> dict[str, str]:
        """The environment of a shell whose kubectl is this one."""
        path = f"{KUBECTL.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return {"PATH": path, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.kubeconfig.parent)}

    def ask(self, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl and return how it ended."""
        where = ["--context", self.context, "--namespace", self.namespace]
        return subprocess.run(
            [str(KUBECTL), *where, *words],
            env=self.environment(),
            input=given,
            text=True,
            capture_output=True,
            check=False,
            timeout=180,
        )

    def __call__(self, *words: str, given: str | None = None) -> str:
        """Run kubectl, which has to succeed, and return what it printed."""
        ended = self.ask(*words, given=given)
        assert ended.returncode == 0, f"kubectl {shlex.join(words)}: {ended.stderr}"
        return ended.stdout

    def create(self, objects: Sequence[dict[str, Any]]) -> None:
        """Make objects."""
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self("create", "--validate=false", "-f", "-", given=json.dumps(document))

    def read(self, of: str, path: str) -> str | None:
        """Return what a JSONPath finds in an object (`deployment/api`), None where the object is not there."""
        ended = self.ask("get", *of.split("/"), "-o", f"jsonpath={{{path}}}")
        if ended.returncode != 0 and "(NotFound)" in ended.stderr:
            return None
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def pods(self, app: str) -> frozenset[str]:
        """Return the uids of the pods of an app that are not being deleted."""
        found = json.loads(self("get", "pods", "-l", f"app={app}", "-o", "json"))["items"]
        return frozenset(pod["metadata"]["uid"] for pod in found if "deletionTimestamp" not in pod["metadata"])

    def settle(self, kind: str, name: str) -> None:
        """Wait until an object that has just been made has nothing more to become."""
        match kind:
            case "Deployment" | "StatefulSet" | "DaemonSet":
                self("rollout", "status", f"{kind}/{name}", f"--timeout={WAIT}")
            case "ReplicaSet":
                ready = "jsonpath={.status.readyReplicas}=1"
                self("wait", f"{kind}/{name}", f"--for={ready}", f"--timeout={WAIT}")
            case "Pod":
                self("wait", f"{kind}/{name}", "--for=condition=Ready", f"--timeout={WAIT}")
            case "Job":
                self("wait", f"{kind}/{name}", "--for=jsonpath={.status.active}=1", f"--timeout={WAIT}")
