"""Which objects the API server refuses with 422 (a subset of the rules in Kubernetes' pkg/apis/*/validation)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.cluster.claims import claim_changes, claim_problems
from sandbox.cluster.pod_validation import LABEL, NOT_NEGATIVE, SAYS_LABEL, pod_spec
from sandbox.cluster.selectors import matches
from sandbox.cluster.services import service_changes, service_problems
from sandbox.cluster.status import Cause, forbidden_change, invalid_value, required
from sandbox.cluster.taints import taint_problems

_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_QUALIFIED = re.compile(r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
_LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_FILE_NAME = re.compile(r"^[-._a-zA-Z0-9]{1,253}$")
_SAYS_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character"
)
_SAYS_KEY = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character"
)
_SAYS_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character"
)
_ANNOTATIONS_LIMIT = 256 * 1024
_WORKLOADS = ("deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps")


def problems(resource: str, item: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with an object, defaults filled in."""
    found = list(_metadata(resource, item["metadata"]))
    spec = item.get("spec") or {}
    if resource in _WORKLOADS:
        found += _workload(resource, spec)
    elif resource == "jobs.batch":
        found += _template(spec, ("Never", "OnFailure"))
    elif resource == "pods":
        found += pod_spec(spec, "spec")
    elif resource == "nodes":
        found += taint_problems(spec)
    elif resource == "services":
        found += service_problems(spec)
    elif resource == "persistentvolumeclaims":
        found += claim_problems(spec)
    elif resource == "horizontalpodautoscalers.autoscaling":
        found += _autoscaler(spec)
    elif resource in ("configmaps", "secrets"):
        found += _keys(item)
    elif resource == "poddisruptionbudgets.policy" and "minAvailable" in spec and "maxUnavailable" in spec:
        found.append(invalid_value("spec", "", "minAvailable and maxUnavailable cannot be both set"))
    if resource == "poddisruptionbudgets.policy":
        policy = spec.get("unhealthyPodEvictionPolicy", "IfHealthyBudget")
        if policy not in ("AlwaysAllow", "IfHealthyBudget"):
            why = f'Unsupported value: "{policy}": supported values: "AlwaysAllow", "IfHealthyBudget"'
            found.append(Cause("spec.unhealthyPodEvictionPolicy", why, "FieldValueNotSupported"))
    return found


def _metadata(resource: str, metadata: Mapping[str, Any]) -> Iterator[Cause]:
    name = metadata.get("name", "")
    label_only = resource in ("namespaces", "services")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif label_only and (not LABEL.match(name) or len(name) > 63):
        yield invalid_value("metadata.name", name, SAYS_LABEL)
    elif not _SUBDOMAIN.match(name) or len(name) > 253:
        yield invalid_value("metadata.name", name, _SAYS_SUBDOMAIN)
    yield from _labels(metadata.get("labels") or {}, "metadata.labels")
    annotations = metadata.get("annotations") or {}
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > _ANNOTATIONS_LIMIT:
        yield Cause(
            "metadata.annotations", f"Too long: must have at most {_ANNOTATIONS_LIMIT} bytes", "FieldValueTooLong"
        )
    for key in annotations:
        if not _QUALIFIED.match(key.lower()):
            yield invalid_value("metadata.annotations", key, _SAYS_KEY)


def _keys(item: Mapping[str, Any]) -> Iterator[Cause]:
    for field in ("data", "binaryData"):
        for key in item.get(field) or {}:
            if not _FILE_NAME.match(key) or key in (".", ".."):
                why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
                yield invalid_value(f"{field}[{key}]", key, why)


def _labels(labels: Mapping[str, str], field: str) -> Iterator[Cause]:
    for key, value in labels.items():
        if not _QUALIFIED.match(key):
            yield invalid_value(field, key, _SAYS_KEY)
        if len(value) > 63:
            yield invalid_value(field, value, "must be no more than 63 bytes")
        elif not _LABEL_VALUE.match(value):
            yield invalid_value(field, value, _SAYS_VALUE)


def _workload(resource: str, spec: Mapping[str, Any]) -> Iterator[Cause]:
    if spec.get("replicas", 0) < 0:
        yield invalid_value("spec.replicas", spec["replicas"], NOT_NEGATIVE)
    if spec.get("minReadySeconds", 0) < 0:
        yield invalid_value("spec.minReadySeconds", spec["minReadySeconds"], NOT_NEGATIVE)
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        yield invalid_value("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")
    selector = spec.get("selector")
    if not selector:
        yield required("spec.selector")
    strategy = spec.get("strategy") or {}
    if resource == "deployments.apps":
        if strategy.get("type") not in ("Recreate", "RollingUpdate"):
            why = 'Unsupported value: "{}": supported values: "Recreate", "RollingUpdate"'
            yield Cause("spec.strategy.type", why.format(strategy.get("type")), "FieldValueNotSupported")
        elif strategy.get("type") == "Recreate" and strategy.get("rollingUpdate"):
            yield forbidden_change(
                "spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'"
            )
        elif _never_moves(strategy.get("rollingUpdate") or {}):
            field = "spec.strategy.rollingUpdate.maxUnavailable"
            yield invalid_value(field, 0, "may not be 0 when `maxSurge` is 0")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if selector and not matches(selector, labels):
        yield invalid_value(
            "spec.template.metadata.labels", _go_map(labels), "`selector` does not match template `labels`"
        )
    yield from _template(spec, ("Always",))


def _never_moves(rolling: Mapping[str, Any]) -> bool:
    return all(rolling.get(field) in (0, "0%") for field in ("maxSurge", "maxUnavailable"))


def _go_map(labels: Mapping[str, str]) -> Any:
    shown = ", ".join(f'"{key}":"{value}"' for key, value in sorted(labels.items()))
    return type("GoMap", (), {"__str__": lambda _self: f"map[string]string{{{shown}}}"})()


def _template(spec: Mapping[str, Any], restart_policies: tuple[str, ...]) -> Iterator[Cause]:
    # The claims that a StatefulSet makes are volumes of its pods.
    claims = [(claim.get("metadata") or {}).get("name", "") for claim in spec.get("volumeClaimTemplates") or ()]
    template = spec.get("template") or {}
    pod = template.get("spec") or {}
    yield from _labels((template.get("metadata") or {}).get("labels") or {}, "spec.template.labels")
    yield from pod_spec(pod, "spec.template.spec", claims)
    policy = pod.get("restartPolicy")
    if pod and policy not in restart_policies:
        supported = ", ".join(f'"{name}"' for name in sorted(restart_policies))
        yield Cause(
            "spec.template.spec.restartPolicy",
            f'Unsupported value: "{policy}": supported values: {supported}',
            "FieldValueNotSupported",
        )


def _autoscaler(spec: Mapping[str, Any]) -> Iterator[Cause]:
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    if least < 1:
        yield invalid_value("spec.minReplicas", least, "must be greater than or equal to 1")
    if most < 1:
        yield invalid_value("spec.maxReplicas", most, "must be greater than 0")
    if most < least:
        yield invalid_value("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")


_STATEFUL_CHANGES = {
    "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
}  # fmt: skip
_IMMUTABLE = "field is immutable"


def changes(resource: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Cause]:
    """Return which changes of an existing object are not allowed."""
    found = list(_identity(before["metadata"], after["metadata"]))
    old, new = before.get("spec") or {}, after.get("spec") or {}
    if resource in ("deployments.apps", "replicasets.apps", "daemonsets.apps"):
        if old.get("selector") != new.get("selector"):
            found.append(invalid_value("spec.selector", new.get("selector"), _IMMUTABLE))
    elif resource == "statefulsets.apps":
        kept = {field for field in {*old, *new} if old.get(field) != new.get(field)}
        if kept - _STATEFUL_CHANGES:
            allowed = "'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
            allowed += "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds'"
            why = f"updates to statefulset spec for fields other than {allowed} are forbidden"
            found.append(forbidden_change("spec", why))
    elif resource == "services":
        found += service_changes(old, new)
    elif resource == "persistentvolumeclaims":
        found += claim_changes(before, after)
    elif resource == "jobs.batch":
        if old.get("template") != new.get("template") and not old.get("suspend"):
            found.append(invalid_value("spec.template", "", _IMMUTABLE))
        found += [
            invalid_value(f"spec.{field}", new.get(field), _IMMUTABLE)
            for field in ("selector", "completions")
            if old.get(field) != new.get(field)
        ]
    elif resource == "pods" and len(old.get("containers", ())) != len(new.get("containers", ())):
        found.append(forbidden_change("spec.containers", "pod updates may not add or remove containers"))
    elif resource == "pods" and _fixed(old) != _fixed(new):
        why = "pod updates may not change fields other than `spec.containers[*].image`,"
        why += "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
        why += "`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds`"
        found.append(forbidden_change("spec", why))
    elif resource == "secrets" and before.get("type") != after.get("type"):
        found.append(invalid_value("type", after.get("type"), _IMMUTABLE))
    elif resource in ("configmaps", "secrets") and before.get("immutable"):
        if any(before.get(field) != after.get(field) for field in ("data", "binaryData", "immutable")):
            found.append(forbidden_change("data", f"{_IMMUTABLE} when `immutable` is set"))
    elif resource == "controllerrevisions.apps" and before.get("data") != after.get("data"):
        found.append(invalid_value("data", "", _IMMUTABLE))
    return found


def _identity(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Cause]:
    for field in ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp"):
        if before.get(field) != after.get(field):
            yield invalid_value(f"metadata.{field}", after.get(field, ""), _IMMUTABLE)
    new = set(after.get("finalizers") or ()) - set(before.get("finalizers") or ())
    if before.get("deletionTimestamp") and new:
        why = f"no new finalizers can be added if the object is being deleted, found new finalizers {sorted(new)}"
        yield forbidden_change("metadata.finalizers", why)


def _fixed(spec: Mapping[str, Any]) -> dict[str, Any]:
    fixed = {key: value for key, value in spec.items() if key not in ("activeDeadlineSeconds", "tolerations")}
    for group in ("containers", "initContainers"):
        fixed[group] = [{**container, "image": ""} for container in spec.get(group) or ()]
    return fixed
