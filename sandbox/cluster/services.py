"""Services: which are refused, and the addresses and node ports that they are given (registry/core/service)."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.cluster.kinds import stored
from sandbox.cluster.pod_validation import LABEL, SAYS_LABEL
from sandbox.cluster.status import (
    Cause,
    StatusError,
    forbidden_change,
    invalid,
    invalid_value,
    required,
)
from sandbox.cluster.store import Object, Store

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_OUTWARD = ("NodePort", "LoadBalancer")
_RANGE = range(30000, 32768)
_DUMMY = 32769
"""What the first port of a dry run is called; the next ones count up. None of them can be had."""
_DRY_ADDRESS = "10.0.0.0"
_NOT_IN_RANGE = "provided port is not in the valid range. The range of valid ports is 30000-32767"


def service_defaults(spec: dict[str, Any]) -> None:
    """Fill in what depends on the type, in place."""
    kind = spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    if kind != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind in _OUTWARD:
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def carry_over(old: Mapping[str, Any], spec: dict[str, Any]) -> None:
    """Keep what was given to a Service and what a change doesn't name; drop what its new type has no use for."""
    kind, was = spec.get("type", "ClusterIP"), old.get("type", "ClusterIP")
    if kind != "ExternalName":
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if field in old and was != "ExternalName":
                spec.setdefault(field, old[field])
    known = {_port_key(port): port.get("nodePort") for port in old.get("ports") or ()}
    for port in spec.get("ports") or ():
        before = known.get(_port_key(port))
        if kind in _OUTWARD and before and not port.get("nodePort"):
            port["nodePort"] = before
        elif kind not in _OUTWARD and was in _OUTWARD and port.get("nodePort") == before:
            port.pop("nodePort", None)
    if kind != was:
        for field, types in (
            ("externalTrafficPolicy", _OUTWARD), ("healthCheckNodePort", ("LoadBalancer",)),
            ("allocateLoadBalancerNodePorts", ("LoadBalancer",)),
        ):  # fmt: skip
            if kind not in types and spec.get(field) == old.get(field):
                spec.pop(field, None)
    if kind == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local" and old.get("healthCheckNodePort"):
        spec.setdefault("healthCheckNodePort", old["healthCheckNodePort"])
    elif spec.get("externalTrafficPolicy") != "Local" and old.get("externalTrafficPolicy") == "Local":
        spec.pop("healthCheckNodePort", None)


def _port_key(port: Mapping[str, Any]) -> tuple[str, int]:
    return port.get("protocol", "TCP"), port.get("port", 0)


def service_problems(spec: Mapping[str, Any]) -> Iterator[Cause]:
    """Yield what is wrong with a Service."""
    kind = spec.get("type")
    if kind not in _TYPES:
        supported = ", ".join(f'"{each}"' for each in _TYPES)
        why = f'Unsupported value: "{kind}": supported values: {supported}'
        yield Cause("spec.type", why, "FieldValueNotSupported")
    ports = spec.get("ports") or []
    if kind == "ExternalName":
        if not spec.get("externalName"):
            yield required("spec.externalName")
    elif not ports and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    names: set[str] = set()
    places: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        at = f"spec.ports[{index}]"
        name = port.get("name", "")
        if not name and len(ports) > 1:
            yield required(f"{at}.name")
        elif name and not LABEL.match(name):
            yield invalid_value(f"{at}.name", name, SAYS_LABEL)
        elif name in names and name:
            yield Cause(f"{at}.name", f'Duplicate value: "{name}"', "FieldValueDuplicate")
        names.add(name)
        yield from _numbers(port, at)
        if _port_key(port) in places:
            yield Cause(at, f"Duplicate value: {port}", "FieldValueDuplicate")
        places.add(_port_key(port))
        if port.get("nodePort") and kind not in _OUTWARD:
            yield forbidden_change(f"{at}.nodePort", f"may not be used when `type` is '{kind}'")
    policy = spec.get("externalTrafficPolicy")
    if policy and kind not in _OUTWARD and not spec.get("externalIPs"):
        yield invalid_value(
            "spec.externalTrafficPolicy", policy, "may only be set for externally-accessible services"
        )
    elif policy not in (None, "Cluster", "Local"):
        why = f'Unsupported value: "{policy}": supported values: "Cluster", "Local"'
        yield Cause("spec.externalTrafficPolicy", why, "FieldValueNotSupported")


def _numbers(port: Mapping[str, Any], at: str) -> Iterator[Cause]:
    for field in ("port", "targetPort"):
        number = port.get(field)
        if isinstance(number, int) and not 0 < number < 65536:
            yield invalid_value(f"{at}.{field}", number, "must be between 1 and 65535, inclusive")


def service_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Cause]:
    """Yield which changes of a Service are not allowed."""
    stays = "ExternalName" not in (old.get("type"), new.get("type"))
    if stays and old.get("clusterIP") and new.get("clusterIP") != old["clusterIP"]:
        yield Cause("spec.clusterIPs[0]", f'Invalid value: ["{new.get("clusterIP", "")}"]: may not change once set')


def allocate(store: Store, item: dict[str, Any], *, dry_run: bool) -> None:
    """Give a Service the addresses and ports that it lacks, in place. Raises StatusError for those it cannot have."""
    spec, uid = item["spec"], item["metadata"].get("uid")
    others = [each["spec"] for each in store.list("services") if each["metadata"]["uid"] != uid]
    if spec["type"] == "ExternalName":
        return
    if not spec.get("clusterIP"):
        taken = {each.get("clusterIP") for each in others}
        spec["clusterIP"] = _DRY_ADDRESS if dry_run else _free_address(taken)
    spec["clusterIPs"] = [spec["clusterIP"]]
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    if spec["type"] in _OUTWARD and spec.get("allocateLoadBalancerNodePorts") is not False:
        _node_ports(item, others, dry_run=dry_run)


def _node_ports(item: dict[str, Any], others: list[Object], *, dry_run: bool) -> None:
    spec = item["spec"]
    taken = {port.get("nodePort") for each in others for port in each.get("ports") or ()}
    taken |= {each.get("healthCheckNodePort") for each in others}
    mine = {port["nodePort"] for port in spec["ports"] if port.get("nodePort")} | {spec.get("healthCheckNodePort")}
    dummies = iter(range(_DUMMY, 65536))

    def fresh() -> int:
        if dry_run:
            return next(dummies)
        found = random.choice([port for port in _RANGE if port not in taken | mine])  # noqa: S311
        mine.add(found)
        return found

    for index, port in enumerate(spec["ports"]):
        wanted = port.get("nodePort")
        if not wanted:
            port["nodePort"] = fresh()
        elif wanted in taken or (wanted not in _RANGE and not dry_run):
            why = "provided port is already allocated" if wanted in taken else _NOT_IN_RANGE
            cause = invalid_value(f"spec.ports[{index}].nodePort", wanted, why)
            raise invalid(stored("services"), item["metadata"]["name"], [cause])
    if spec["type"] != "LoadBalancer" or spec.get("externalTrafficPolicy") != "Local":
        return
    wanted = spec.get("healthCheckNodePort")
    if not wanted:
        spec["healthCheckNodePort"] = fresh()
    elif wanted not in _RANGE and not dry_run:
        why = f"failed to allocate requested HealthCheck NodePort {wanted}: {_NOT_IN_RANGE}"
        raise StatusError(500, "InternalError", f"Internal error occurred: {why}")


def _free_address(taken: set[Any]) -> str:
    while True:
        address = f"10.96.{random.randrange(256)}.{random.randrange(1, 255)}"  # noqa: S311
        if address not in taken:
            return address
