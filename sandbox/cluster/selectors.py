"""Label and field selectors, as in query parameters and in `spec.selector`."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.cluster.kinds import Kind
from sandbox.cluster.status import bad_request

Predicate = Callable[[Mapping[str, Any]], bool]

_SET = re.compile(r"^\s*(\S+)\s+(in|notin)\s+\(([^)]*)\)\s*$")
_COMPARED = re.compile(r"^\s*([^=!\s]+)\s*(!=|==|=)\s*([^=!\s]*)\s*$")
_PRESENCE = re.compile(r"^\s*(!?)\s*([A-Za-z0-9][A-Za-z0-9_./-]*)\s*$")
_BETWEEN = re.compile(r",(?![^(]*\))")


def labels_of(found: Mapping[str, Any]) -> Mapping[str, str]:
    """Return an object's labels."""
    return found["metadata"].get("labels") or {}


def label_selector(text: str) -> Predicate:
    """Read `labelSelector`. Raises StatusError 400 for what is no selector."""
    tests = [_label_test(part) for part in _BETWEEN.split(text)] if text else []
    return lambda found: all(test(labels_of(found)) for test in tests)


def _label_test(part: str) -> Callable[[Mapping[str, str]], bool]:
    if found := _SET.match(part):
        key, operator, values = found[1], found[2], {value.strip() for value in found[3].split(",")}
        if operator == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if found := _COMPARED.match(part):
        key, operator, value = found.groups()
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if found := _PRESENCE.match(part):
        absent, key = found[1] == "!", found[2]
        return lambda labels: (key not in labels) is absent
    raise bad_request(f'unable to parse requirement: found "{part}", expected: identifier')


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """True if a `spec.selector` with matchLabels and matchExpressions selects those labels; empty selects all."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for wanted in selector.get("matchExpressions") or ():
        key, values = wanted["key"], wanted.get("values") or ()
        holds = {
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if not holds.get(wanted["operator"], False):
            return False
    return True


def selector_text(selector: Mapping[str, Any]) -> str:
    """Return a `spec.selector` as the text of a label selector."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    forms = {
        "In": "{key} in ({values})",
        "NotIn": "{key} notin ({values})",
        "Exists": "{key}",
        "DoesNotExist": "!{key}",
    }
    for wanted in selector.get("matchExpressions") or ():
        values = ",".join(sorted(wanted.get("values") or ()))
        parts.append(forms[wanted["operator"]].format(key=wanted["key"], values=values))
    return ",".join(parts)


_FIELDS: Mapping[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase",
        "status.podIP", "status.nominatedNodeName",
    ),
    "events": (
        "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
        "reportingComponent", "source", "type",
    ),
    "nodes": ("spec.unschedulable",),
    "namespaces": ("status.phase",),
    "secrets": ("type",),
    "replicasets.apps": ("status.replicas",),
    "jobs.batch": ("status.successful",),
}  # fmt: skip


def field_selector(kind: Kind, text: str) -> Predicate:
    """Read `fieldSelector`; each kind supports few fields. Raises StatusError 400 for the others."""
    tests: list[tuple[str, bool, str]] = []
    for part in text.split(",") if text else ():
        found = _COMPARED.match(part)
        if not found:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        field = found[1]
        if field not in ("metadata.name", "metadata.namespace") and field not in _FIELDS.get(kind.resource, ()):
            raise bad_request(f"field label not supported: {field}")
        tests.append((field, found[2] != "!=", found[3]))
    return lambda item: all((_text_at(item, field) == value) is equal for field, equal, value in tests)


def _text_at(item: Mapping[str, Any], path: str) -> str:
    value: Any = item
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if path == "spec.unschedulable":
        return "true" if value else "false"
    return "" if value is None else str(value)
