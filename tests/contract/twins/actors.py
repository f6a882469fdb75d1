"""The two who do the same: the real kubectl, and our target from the action's text to the last request."""

import os
import shlex
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from countersign.actions import read_action
from countersign.actions.operation import KubernetesOperation
from countersign.errors import ParseFailure, PermanentTargetError, Refused, TargetNotFound
from countersign.targets.kubernetes.connection import ClusterSettings, connect
from countersign.targets.kubernetes.investigate import kubectl_path
from countersign.targets.kubernetes.kubeconfig_rules import Allowances
from countersign.targets.kubernetes.target import KubernetesTarget
from countersign.targets.model import Severity
from tests.intents import apply

_ATTEMPTS: Final = 5
"""A controller may write between plan and dry run; kubectl sends again after a conflict, too."""


@dataclass(frozen=True)
class Cluster:
    """Where both act."""

    kubeconfig: str
    """The text."""
    context: str
    file: Path
    """The same text."""
    folder: Path
    """kubectl's home; it keeps what it discovered there, so that it asks once."""


@dataclass(frozen=True)
class Done:
    """What became of a command."""

    accepted: bool
    said: str
    steps: int | None = None
    """Of our plan."""

    def __str__(self) -> str:
        return f"{'did it' if self.accepted else 'refused'}: {self.said}"


def kubectl(cluster: Cluster, namespace: str, command: str) -> Done:
    """Run the command with the real binary. A refusal is its exit code."""
    words = shlex.split(command)
    assert words[0] == "kubectl", command
    chosen = ["--kubeconfig", str(cluster.file), "--context", cluster.context, "--namespace", namespace]
    environment = {"PATH": os.environ["PATH"], "HOME": str(cluster.folder)}
    done = subprocess.run(
        [str(kubectl_path()), *chosen, *words[1:]],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    return Done(done.returncode == 0, done.stdout + done.stderr)


def countersign(cluster: Cluster, namespace: str, command: str) -> Done:
    """Perform the command as an execution would.

    A refusal is one that comes before the first request, or the server's own; what else goes wrong is raised.
    """
    settings = ClusterSettings(
        "twins",
        default_namespace=namespace,
        kubeconfig=SecretStr(cluster.kubeconfig),
        context=cluster.context,
        allowed=Allowances(insecure_tls=True),
    )
    with connect(settings, request_timeout=20) as connection:
        target = KubernetesTarget(connection)
        try:
            operation: Any = read_action(command)
            if not isinstance(operation, KubernetesOperation):
                return Done(False, f"read as {operation!r}")
            for _ in range(_ATTEMPTS):
                plan = target.plan(operation, target.resolve(operation), at=datetime.now(UTC))
                findings = target.preflight(plan)
                if not any(finding.code == "changed_since_plan" for finding in findings):
                    break
        except (ParseFailure, Refused, TargetNotFound, PermanentTargetError) as error:
            return Done(False, f"{type(error).__name__}: {error}")
        blocking = [finding.message for finding in findings if finding.severity is Severity.BLOCKING]
        if blocking:
            return Done(False, "; ".join(blocking))
        try:
            for step in plan.steps:
                apply(target, plan, step)
        except PermanentTargetError as error:
            return Done(False, f"sent, and refused then: {error}", len(plan.steps))
    return Done(True, "; ".join(step.title for step in plan.steps), len(plan.steps))
