"""Pure: an object without what time and identity make of it, and the difference between two pictures.

Left out, of every object, and nowhere else: identities (uid, resourceVersion, names and addresses that the server
allocates), times, status (what controllers report, at their own time), and who of the two actors a managed field
belongs to.
"""

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

CREATOR: Final = "twins"
"""The field manager that creates the objects."""
OWNED: Final = "fields of"
"""Key in a picture of an object: which fields belong to its creator and which to the actor."""
_ACTORS: Final = re.compile(r"kubectl.*|countersign")
_IDENTITY: Final = ("uid", "resourceVersion", "selfLink", "creationTimestamp", "deletionTimestamp")
_RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
_ALLOCATED: Final = ("clusterIP", "clusterIPs", "healthCheckNodePort")
# The ServiceAccount admission plugin names a pod's token volume by chance.
_TOKEN_VOLUME: Final = re.compile(r"kube-api-access-[a-z0-9]{5}")
# autoscaling/v1 has parts of the status as annotations.
_STATUS_ANNOTATIONS: Final = (
    "autoscaling.alpha.kubernetes.io/conditions",
    "autoscaling.alpha.kubernetes.io/current-metrics",
)
_CONDITION_TAINT: Final = "node.kubernetes.io/"
"""Prefix of the taints that the node lifecycle controller makes of a node's conditions and of a cordon."""
_CONTROLLERS_TOO: Final = ("/f:status", "/f:spec/f:taints")
"""Managed fields that controllers take over at their own time."""
_UID_KEY: Final = re.compile(r'k:{"uid":"[^"]*"}')
_CONTROLLER_UID: Final = ("controller-uid", "batch.kubernetes.io/controller-uid")

Picture = dict[str, Any]


def plain(found: Mapping[str, Any], names: Mapping[str, str]) -> Any:
    """Return the object as a person would compare it. `names` are the twin's own names and their placeholders."""
    text = json.dumps(found)
    for name, placeholder in names.items():
        if not name.isdigit():
            text = text.replace(name, placeholder)
    item = json.loads(_TOKEN_VOLUME.sub("kube-api-access", text))
    metadata = item["metadata"]
    managed = metadata.pop("managedFields", None) or []
    for key in _IDENTITY:
        metadata.pop(key, None)
    for owner in metadata.get("ownerReferences") or ():
        owner.pop("uid", None)
    item.pop("status", None)
    for key in _STATUS_ANNOTATIONS:
        metadata.get("annotations", {}).pop(key, None)
    item[OWNED] = owned_fields(managed)
    spec = item.get("spec")
    if isinstance(spec, dict):
        _without_allocations(item["kind"], spec, names)
        _without_condition_taints(spec)
    _mask(item)
    return item


def owned_fields(managed: list[Any]) -> dict[str, dict[str, bool]]:
    """Return which fields belong to the creator and which to the actor, whoever that is; controllers are left out."""
    out: dict[str, set[str]] = {}
    for entry in managed:
        manager = "actor" if _ACTORS.fullmatch(entry["manager"]) else entry["manager"]
        # kubectl writes replicas through the subresource, which newer servers note: it is the same field.
        if manager in ("actor", CREATOR) and entry.get("subresource", "scale") == "scale":
            out.setdefault(manager, set()).update(_paths(entry.get("fieldsV1") or {}, ""))
    return {manager: dict.fromkeys(sorted(paths), True) for manager, paths in out.items() if paths}


def _paths(fields: Mapping[str, Any], at: str) -> Iterator[str]:
    for key, inner in fields.items():
        path = f"{at}/{_UID_KEY.sub('<uid>', key)}"
        if path in _CONTROLLERS_TOO:
            continue
        if inner:
            yield from _paths(inner, path)
        else:
            yield path


def _without_allocations(kind: str, spec: dict[str, Any], names: Mapping[str, str]) -> None:
    if kind == "Service":
        for key in _ALLOCATED:
            if spec.get(key) not in (None, "None", ["None"]):
                spec[key] = "<allocated>" if isinstance(spec[key], str | int) else ["<allocated>"]
        for port in spec.get("ports") or ():
            if isinstance(port.get("nodePort"), int):
                port["nodePort"] = names.get(str(port["nodePort"]), "<allocated>")
    if kind == "Pod" and spec.get("nodeName") != "NODE":
        spec.pop("nodeName", None)


def _without_condition_taints(spec: dict[str, Any]) -> None:
    taints = [taint for taint in spec.pop("taints", ()) if not taint["key"].startswith(_CONDITION_TAINT)]
    if taints:
        spec["taints"] = taints


def _mask(value: Any) -> None:
    """Mask times and uids that stand inside templates, labels and selectors."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == _RESTARTED_AT or key in _CONTROLLER_UID:
                value[key] = "<masked>"
            elif key == "creationTimestamp":
                value[key] = None
            else:
                _mask(inner)
    elif isinstance(value, list):
        for inner in value:
            _mask(inner)


def differences(theirs: Picture, ours: Picture) -> dict[str, tuple[Any, Any]]:
    """Return every path at which the pictures differ, with both values."""
    left, right = dict(_leaves(theirs, "")), dict(_leaves(ours, ""))
    return {
        path: (left.get(path, "<absent>"), right.get(path, "<absent>"))
        for path in sorted({*left, *right})
        if left.get(path, "<absent>") != right.get(path, "<absent>")
    }


def unexplained(found: Mapping[str, tuple[Any, Any]], differs: Mapping[str, str]) -> list[str]:
    """Return a line for each difference that no pattern explains, and for each pattern that explains none.

    Not every server keeps managed fields, so a pattern about them may explain none.
    """
    lines = [
        f"{path}: kubectl {theirs!r}, we {ours!r}"
        for path, (theirs, ours) in found.items()
        if not any(fnmatchcase(path, pattern) for pattern in differs)
    ]
    lines += [
        f"{pattern}: does not differ, so leave out: {why}"
        for pattern, why in differs.items()
        if OWNED not in pattern and not any(fnmatchcase(path, pattern) for path in found)
    ]
    return lines


def _leaves(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{at}/{key}" if at else str(key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{at}/{index}")
    else:
        yield at, value
