"""The manifests of deployments/kubernetes, as kubectl renders them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from countersign.targets.kubernetes.investigate import kubectl_path

PROJECT = Path(__file__).parents[2]
KUBERNETES = PROJECT / "deployments" / "kubernetes"


def rendered(folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [str(kubectl_path()), "kustomize", str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def named(document: dict[str, Any]) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def pod_specs(documents: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for document in documents:
        spec = document.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield named(document), spec["template"]["spec"]


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [*spec["containers"], *spec.get("initContainers", ())]
