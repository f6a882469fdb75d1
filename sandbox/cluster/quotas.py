"""ResourceQuotas: what a namespace uses, and what it may not have beyond (the admission plugin resourcequota)."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from sandbox.cluster.custom import kind_in
from sandbox.cluster.kinds import stored
from sandbox.cluster.quantities import canonical, quantity
from sandbox.cluster.status import forbidden
from sandbox.cluster.store import Object, Store

_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_BY_NAME = (
    "pods", "services", "configmaps", "secrets", "persistentvolumeclaims", "replicationcontrollers", "resourcequotas",
)  # fmt: skip
Usage = dict[str, Fraction]


def usage_of(resource: str, item: Mapping[str, Any]) -> Usage:
    """Return what an object takes of each limit that could be set."""
    spec = item.get("spec") or {}
    if resource == "pods" and (item.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return {f"count/{resource}": Fraction(1)}
    found: Usage = {f"count/{resource}": Fraction(1)}
    if resource in _BY_NAME:
        found[resource] = Fraction(1)
    if resource == "pods":
        for side in ("requests", "limits"):
            for name in _COMPUTE:
                total = sum((_amount(each, side, name) for each in spec.get("containers") or ()), Fraction(0))
                found[f"{side}.{name}"] = total
                if side == "requests":
                    found[name] = total
    elif resource == "persistentvolumeclaims":
        found["requests.storage"] = quantity(
            ((spec.get("resources") or {}).get("requests") or {}).get("storage", "0")
        )
    elif resource == "services":
        if spec.get("type") in ("NodePort", "LoadBalancer"):
            found["services.nodeports"] = Fraction(len(spec.get("ports") or ()))
        if spec.get("type") == "LoadBalancer":
            found["services.loadbalancers"] = Fraction(1)
    return found


def _amount(container: Mapping[str, Any], side: str, name: str) -> Fraction:
    return quantity(((container.get("resources") or {}).get(side) or {}).get(name, "0"))


def used(store: Store, namespace: str, hard: Mapping[str, Any]) -> dict[str, str]:
    """Return what a namespace uses of the limits in `hard`."""
    total: Usage = dict.fromkeys(hard, Fraction(0))
    for resource in store.resources():
        for item in store.list(resource, namespace):
            for name, amount in usage_of(resource, item).items():
                if name in total:
                    total[name] += amount
    return {name: _text(amount, str(hard[name])) for name, amount in total.items()}


def _text(amount: Fraction, like: str) -> str:
    """Return an amount in the suffix family of the limit."""
    suffix = "Ki" if like.endswith("i") and amount % 1024 == 0 and amount else ""
    return canonical(f"{amount // 1024}Ki" if suffix else _decimal(amount))


def _decimal(amount: Fraction) -> str:
    return str(amount.numerator) if amount.denominator == 1 else f"{amount * 1000 // 1}m"


def admit(store: Store, resource: str, item: Mapping[str, Any]) -> None:
    """Refuse a new object for which its namespace has no room. Raises StatusError 403."""
    namespace = item["metadata"].get("namespace", "")
    if not namespace or not store.list("resourcequotas", namespace):
        return
    asked = usage_of(resource, item)
    for quota in store.list("resourcequotas", namespace):
        hard = (quota.get("spec") or {}).get("hard") or {}
        counted = {name: amount for name, amount in asked.items() if name in hard}
        if resource == "pods":
            _need_amounts(quota, hard, item)
        if not any(counted.values()):
            continue
        has = used(store, namespace, {name: hard[name] for name in counted})
        over = sorted(name for name in counted if counted[name] + quantity(has[name]) > quantity(hard[name]))
        if over:
            parts = [
                ",".join(f"{name}={each}" for name, each in sorted(amounts.items()) if name in over)
                for amounts in ({name: _text(counted[name], str(hard[name])) for name in over}, has, hard)
            ]
            name = quota["metadata"]["name"]
            why = f"exceeded quota: {name}, requested: {parts[0]}, used: {parts[1]}, limited: {parts[2]}"
            raise forbidden(kind_in(store, resource), item["metadata"]["name"], why)


def _need_amounts(quota: Object, hard: Mapping[str, Any], pod: Mapping[str, Any]) -> None:
    """A pod has to say of each container what a quota counts. Raises StatusError 403."""
    missing = []
    for limit in sorted(hard):
        side, _, name = limit.rpartition(".")
        if name not in _COMPUTE:
            continue
        silent = [
            each["name"]
            for each in pod["spec"].get("containers") or ()
            if name not in ((each.get("resources") or {}).get(side or "requests") or {})
        ]
        if silent:
            missing.append(f"{limit} for: {','.join(silent)}")
    if missing:
        why = f"failed quota: {quota['metadata']['name']}: must specify {'; '.join(missing)}"
        raise forbidden(stored("pods"), pod["metadata"]["name"], why)
