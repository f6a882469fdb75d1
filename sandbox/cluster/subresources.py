"""Scale and eviction: views and verbs on objects of other kinds."""

from collections.abc import Callable
from typing import Any

from sandbox.cluster.kinds import Kind
from sandbox.cluster.options import Options
from sandbox.cluster.reading import read_patched, read_sent
from sandbox.cluster.selectors import selector_text
from sandbox.cluster.status import (
    bad_request,
    invalid,
    invalid_value,
    modified,
    wrong_uid,
)
from sandbox.cluster.store import Object
from sandbox.cluster.writing import Writer


def scale_of(item: Object) -> dict[str, Any]:
    """Return the autoscaling/v1 Scale of a workload."""
    metadata = item["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    spec, status = item.get("spec") or {}, item.get("status") or {}
    replicas = spec.get("replicas", 0)
    selector = spec.get("selector") or {}
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        selector = {"matchLabels": selector}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": {"replicas": replicas} if replicas else {},
        "status": {"replicas": status.get("replicas", 0), "selector": selector_text(selector)},
    }


def write_scale(
    writer: Writer,
    kind: Kind,
    namespace: str,
    name: str,
    *,
    alter: Callable[[dict[str, Any]], Any],
    options: Options,
    patched: bool,
) -> dict[str, Any]:
    """Set spec.replicas through the Scale that `alter` makes of the present one. Raises StatusError.

    `patched` is True if the Scale is made of a patch, False if it was sent.
    """
    before = writer.existing(kind, namespace, name)
    altered = alter(scale_of(before))
    read = read_patched if patched else read_sent
    scale, warnings = read(_SCALE, altered, options)
    metadata = scale.get("metadata") or {}
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if metadata.get("name", name) != name:
        raise bad_request(f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})")
    if metadata.get("uid") and metadata["uid"] != before["metadata"]["uid"]:
        raise wrong_uid(kind, name, wanted=metadata["uid"], found=before["metadata"]["uid"])
    if replicas < 0:
        why = "must be greater than or equal to 0"
        raise invalid(_SCALE, name, [invalid_value("spec.replicas", replicas, why)])
    version = metadata.get("resourceVersion")
    if version and version != before["metadata"]["resourceVersion"]:
        raise modified(kind, name)

    def with_replicas(item: dict[str, Any]) -> dict[str, Any]:
        item["spec"]["replicas"] = replicas
        return item

    found = scale_of(writer.change(kind, namespace, name, with_replicas, subresource="scale", options=options))
    writer.warnings = warnings
    return found


_SCALE = Kind(group="autoscaling", version="v1", plural="scales", kind="Scale", model="V1Scale")
