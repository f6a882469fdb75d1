"""Which pod specs the API server refuses (a subset of the rules in Kubernetes' pkg/apis/core/validation)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sandbox.cluster.quantities import quantity
from sandbox.cluster.status import Cause, invalid_value, required

LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
SAYS_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character"
)
NOT_NEGATIVE = "must be greater than or equal to 0"
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_VARIABLE = re.compile(r"^[-._a-zA-Z][-._a-zA-Z0-9]*$")
_SAYS_VARIABLE = (
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not "
    "start with a digit"
)


def pod_spec(spec: Mapping[str, Any], at: str, claims: Sequence[str] = ()) -> Iterator[Cause]:
    """Yield what is wrong with the pod spec at the field `at`; `claims` are volumes that come beside its own."""
    if not spec.get("containers"):
        yield required(f"{at}.containers")
    names: set[str] = set()
    volumes = {*claims, *(volume.get("name") for volume in spec.get("volumes") or ())}
    for index, container in enumerate(spec.get("containers") or ()):
        here = f"{at}.containers[{index}]"
        name = container.get("name", "")
        if not name:
            yield required(f"{here}.name")
        elif not LABEL.match(name):
            yield invalid_value(f"{here}.name", name, SAYS_LABEL)
        elif name in names:
            yield Cause(f"{here}.name", f'Duplicate value: "{name}"', "FieldValueDuplicate")
        names.add(name)
        if not container.get("image"):
            yield required(f"{here}.image")
        elif container["image"] != container["image"].strip():
            yield invalid_value(f"{here}.image", container["image"], "must not have leading or trailing whitespace")
        if container.get("imagePullPolicy", "Always") not in _PULL_POLICIES:
            supported = ", ".join(f'"{policy}"' for policy in _PULL_POLICIES)
            why = f'Unsupported value: "{container["imagePullPolicy"]}": supported values: {supported}'
            yield Cause(f"{here}.imagePullPolicy", why, "FieldValueNotSupported")
        for position, variable in enumerate(container.get("env") or ()):
            yield from _variable(variable, f"{here}.env[{position}]")
        for position, port in enumerate(container.get("ports") or ()):
            if not 0 < port.get("containerPort", 0) < 65536:
                field = f"{here}.ports[{position}].containerPort"
                yield invalid_value(field, port.get("containerPort", 0), "must be between 1 and 65535, inclusive")
        for position, mount in enumerate(container.get("volumeMounts") or ()):
            if mount.get("name") not in volumes:
                field = f"{here}.volumeMounts[{position}].name"
                yield Cause(field, f'Not found: "{mount.get("name")}"', "FieldValueNotFound")
        yield from _resources(container.get("resources") or {}, f"{here}.resources")


def _variable(variable: Mapping[str, Any], at: str) -> Iterator[Cause]:
    name = variable.get("name", "")
    if not name:
        yield required(f"{at}.name")
    elif not _VARIABLE.match(name):
        yield invalid_value(f"{at}.name", name, _SAYS_VARIABLE)
    if variable.get("value") and variable.get("valueFrom"):
        yield invalid_value(f"{at}.valueFrom", "", "may not be specified when `value` is not empty")


def _resources(resources: Mapping[str, Any], at: str) -> Iterator[Cause]:
    limits = resources.get("limits") or {}
    for where, amounts in (("limits", limits), ("requests", resources.get("requests") or {})):
        for name, amount in amounts.items():
            if quantity(amount) < 0:
                yield invalid_value(f"{at}.{where}[{name}]", amount, NOT_NEGATIVE)
    for name, amount in (resources.get("requests") or {}).items():
        if name in limits and quantity(amount) > quantity(limits[name]):
            why = f"must be less than or equal to {name} limit"
            yield invalid_value(f"{at}.requests", amount, why)
