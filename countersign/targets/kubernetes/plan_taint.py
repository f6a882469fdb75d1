"""Pure: what taint makes of a node, and how many pods it evicts. The rules are kubectl's (pkg/cmd/taint)."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from countersign.actions.operation import Taint, TaintEffect, TaintParameters
from countersign.errors import PreflightRefused


def tainted(live: Mapping[str, Any], parameters: TaintParameters, *, of: str) -> Any:
    """Set and remove taints. Raises PreflightRefused for another value without overwrite, and for a missing one."""
    wanted = deepcopy(dict(live))
    spec = wanted.setdefault("spec", {})
    taints: list[Any] = list(spec.get("taints") or ())
    for key, effect in parameters.remove:
        taints = [item for item in taints if not (item["key"] == key and effect in (None, item["effect"]))]
    for taint in parameters.set:
        found = next((item for item in taints if (item["key"], item["effect"]) == (taint.key, taint.effect)), None)
        if found is None:
            taints.append(_written(taint))
        elif found.get("value", "") != taint.value:
            if not parameters.overwrite:
                raise PreflightRefused(
                    f"{of} already has the taint {taint.key}:{taint.effect} with another value",
                    hint="add --overwrite to replace it",
                )
            taints[taints.index(found)] = _written(taint)
    if taints:
        spec["taints"] = taints
    else:
        spec.pop("taints", None)
    return wanted


def evicted_by(taints: Iterable[Taint], pods: Iterable[Mapping[str, Any]]) -> int:
    """Return how many of a node's pods the taints evict, now or after the time that they tolerate them for."""
    evicting = [taint for taint in taints if taint.effect is TaintEffect.NO_EXECUTE]
    return sum(1 for pod in pods if not _finished(pod) and any(not _stays(pod, taint) for taint in evicting))


def _written(taint: Taint) -> dict[str, str]:
    # The API omits an empty value.
    value = {"value": taint.value} if taint.value else {}
    return {"key": taint.key, **value, "effect": taint.effect.value}


def _finished(pod: Mapping[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _stays(pod: Mapping[str, Any], taint: Taint) -> bool:
    tolerations = (pod.get("spec") or {}).get("tolerations") or ()
    return any(_tolerates(item, taint) and item.get("tolerationSeconds") is None for item in tolerations)


def _tolerates(toleration: Mapping[str, Any], taint: Taint) -> bool:
    """Compare as the API does (core/v1, Toleration.ToleratesTaint): no effect and no key mean any."""
    if toleration.get("effect") not in (None, "", taint.effect):
        return False
    if toleration.get("key") not in (None, "", taint.key):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint.value
