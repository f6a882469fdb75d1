"""The objects of the twins: files of `objects/`, with the twin's names in the place of the placeholders."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

_FOLDER: Final = Path(__file__).parent / "objects"
_PLURALS: Final = {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies", "StorageClass": "storageclasses"}
_CLUSTER_SCOPED: Final = frozenset({"Node", "PersistentVolume", "StorageClass", "Namespace"})


@dataclass(frozen=True)
class Manifest:
    """One object as it is created."""

    kind: str
    name: str
    body: dict[str, Any]
    collection: str
    """The path that it is created at."""

    @property
    def path(self) -> str:
        """The object's own path."""
        return f"{self.collection}/{self.name}"


def manifest(stem: str, text: Callable[[str], str], namespace: str, serves: Callable[[str], bool]) -> Manifest:
    """Return the object of a file, in the first of its versions that the server has.

    `text` puts the twin's names in.
    """
    body = yaml.safe_load(text(_source(stem)))
    versions = body["apiVersion"] if isinstance(body["apiVersion"], list) else [body["apiVersion"]]
    body["apiVersion"] = next((version for version in versions if serves(version)), versions[0])
    kind = body["kind"]
    return Manifest(kind, body["metadata"]["name"], body, collection(kind, body["apiVersion"], namespace))


def collection(kind: str, version: str, namespace: str) -> str:
    """Return the path of a kind's objects."""
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    inside = "" if kind in _CLUSTER_SCOPED else f"/namespaces/{namespace}"
    return f"{root}{inside}/{_PLURALS.get(kind, kind.lower() + 's')}"


@cache
def _source(stem: str) -> str:
    return (_FOLDER / f"{stem}.yaml").read_text()
