"""Taints: which pods a node doesn't take, and which it doesn't keep."""

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.cluster.status import Cause, required
from sandbox.cluster.store import Object

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
REFUSING, EVICTING = ("NoSchedule", "NoExecute"), ("NoExecute",)


def taint_problems(spec: Mapping[str, Any]) -> Iterator[Cause]:
    """Yield what is wrong with a node's taints."""
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(spec.get("taints") or ()):
        at, key, effect = f"metadata.taints[{index}]", taint.get("key", ""), taint.get("effect", "")
        if not key:
            yield required(f"{at}.key")
        if effect not in _EFFECTS:
            supported = ", ".join(f'"{each}"' for each in _EFFECTS)
            yield Cause(f"{at}.effect", f'Unsupported value: "{effect}": supported values: {supported}',
                        "FieldValueNotSupported")  # fmt: skip
        if (key, effect) in seen:
            yield Cause(at, f"Duplicate value: {taint}: taints must be unique by key and effect pair",
                        "FieldValueDuplicate")  # fmt: skip
        seen.add((key, effect))


def tolerated(node: Object, pod_spec: Mapping[str, Any], effects: tuple[str, ...]) -> bool:
    """True if a pod may be on a node, as far as taints of these effects go."""
    taints = [taint for taint in (node.get("spec") or {}).get("taints") or () if taint["effect"] in effects]
    return all(any(_tolerates(each, taint) for each in pod_spec.get("tolerations") or ()) for taint in taints)


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("key") not in (None, "", taint["key"]):
        return False
    return toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", "")
