"""What the API server fills in where a manifest says nothing (SetDefaults_* in Kubernetes' pkg/apis)."""

from base64 import b64encode
from typing import Any

from sandbox.cluster.claims import claim_defaults
from sandbox.cluster.services import service_defaults

_DURATION_OF_A_TAINT = 300


def fill_in(resource: str, item: dict[str, Any]) -> None:
    """Add the defaults of the object's kind, in place."""
    spec = item.get("spec")
    match resource:
        case "deployments.apps":
            _deployment(item, spec or item.setdefault("spec", {}))
        case "replicasets.apps":
            _set(spec, "replicas", 1)
            _template(spec)
        case "statefulsets.apps":
            _stateful(spec)
        case "daemonsets.apps":
            _set(spec, "revisionHistoryLimit", 10)
            _strategy(spec, "updateStrategy", {"maxSurge": 0, "maxUnavailable": 1})
            _template(spec)
        case "replicationcontrollers":
            _set(spec, "replicas", 1)
            _template(spec)
        case "jobs.batch":
            _job(spec)
        case "cronjobs.batch":
            for field, value in (
                ("concurrencyPolicy", "Allow"), ("suspend", False), ("successfulJobsHistoryLimit", 3),
                ("failedJobsHistoryLimit", 1),
            ):  # fmt: skip
                _set(spec, field, value)
        case "pods":
            if isinstance(spec, dict):
                _pod(spec)
        case "services":
            if isinstance(spec, dict):
                service_defaults(spec)
        case "persistentvolumeclaims":
            claim_defaults(item)
        case "horizontalpodautoscalers.autoscaling":
            _set(spec, "minReplicas", 1)
            if isinstance(spec, dict) and not spec.get("metrics"):
                target = {"type": "Utilization", "averageUtilization": 80}
                spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
        case "namespaces":
            item.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
            item.setdefault("status", {}).setdefault("phase", "Active")
            labels = item["metadata"].setdefault("labels", {})
            labels["kubernetes.io/metadata.name"] = item["metadata"]["name"]
        case "secrets":
            item.setdefault("type", "Opaque")
            for key, text in item.pop("stringData", {}).items():
                item.setdefault("data", {})[key] = b64encode(text.encode()).decode()
        case "nodes":
            item.setdefault("spec", {})
            item.setdefault("status", {})


def _set(spec: Any, field: str, value: Any) -> None:
    if isinstance(spec, dict):
        spec.setdefault(field, value)


def _strategy(spec: Any, field: str, rolling: dict[str, Any]) -> None:
    if not isinstance(spec, dict):
        return
    strategy = spec.setdefault(field, {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {**rolling, **(strategy.get("rollingUpdate") or {})}


def _deployment(item: dict[str, Any], spec: dict[str, Any]) -> None:
    _set(spec, "replicas", 1)
    _set(spec, "revisionHistoryLimit", 10)
    _set(spec, "progressDeadlineSeconds", 600)
    _strategy(spec, "strategy", {"maxSurge": "25%", "maxUnavailable": "25%"})
    _template(spec)


def _stateful(spec: Any) -> None:
    _set(spec, "replicas", 1)
    _set(spec, "podManagementPolicy", "OrderedReady")
    _set(spec, "revisionHistoryLimit", 10)
    _strategy(spec, "updateStrategy", {"partition": 0})
    if isinstance(spec, dict):
        retention = {"whenDeleted": "Retain", "whenScaled": "Retain"}
        said = spec.get("persistentVolumeClaimRetentionPolicy") or {}
        spec["persistentVolumeClaimRetentionPolicy"] = {**retention, **said}
        for claim in spec.get("volumeClaimTemplates") or ():
            claim |= {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "status": {"phase": "Pending"}}
            claim_defaults(claim)
    _template(spec)


def _template(spec: Any) -> None:
    template = spec.get("template") if isinstance(spec, dict) else None
    if isinstance(template, dict):
        template.setdefault("metadata", {})
        if isinstance(template.get("spec"), dict):
            _pod_spec(template["spec"])


def _job(spec: Any) -> None:
    _set(spec, "backoffLimit", 6)
    _set(spec, "completionMode", "NonIndexed")
    _set(spec, "suspend", False)
    if isinstance(spec, dict):
        if "completions" not in spec and "parallelism" not in spec:
            spec["completions"] = 1
        _set(spec, "parallelism", 1)
        _set(spec, "podReplacementPolicy", "TerminatingOrFailed")
    _template(spec)


def _pod(spec: dict[str, Any]) -> None:
    """What a pod gets beyond a template; the last three are admission's work."""
    spec.setdefault("enableServiceLinks", True)
    _pod_spec(spec)
    _requests(spec)
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    _tolerations(spec)


def _pod_spec(spec: dict[str, Any]) -> None:
    for field, value in (
        ("restartPolicy", "Always"), ("terminationGracePeriodSeconds", 30), ("dnsPolicy", "ClusterFirst"),
        ("securityContext", {}), ("schedulerName", "default-scheduler"),
    ):  # fmt: skip
        spec.setdefault(field, value)
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        _container(container)
    for volume in spec.get("volumes") or ():
        if len(volume) == 1:
            volume["emptyDir"] = {}
        for source in ("configMap", "secret", "projected", "downwardAPI"):
            if source in volume:
                volume[source].setdefault("defaultMode", 0o644)
        if "hostPath" in volume:
            volume["hostPath"].setdefault("type", "")


def _container(container: dict[str, Any]) -> None:
    image = container.get("image", "")
    tag = image.rpartition("/")[2].partition(":")[2]
    if image:
        always = tag in ("", "latest") and "@" not in image
        container.setdefault("imagePullPolicy", "Always" if always else "IfNotPresent")
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            for field, value in (
                ("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3),
            ):  # fmt: skip
                container[probe].setdefault(field, value)
            if "httpGet" in container[probe]:
                container[probe]["httpGet"].setdefault("scheme", "HTTP")
                container[probe]["httpGet"].setdefault("path", "/")
    for variable in container.get("env") or ():
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference:
            reference.setdefault("apiVersion", "v1")


def _requests(spec: dict[str, Any]) -> None:
    """In a pod, and only there, what is limited and not requested is requested up to the limit."""
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        for name, amount in (container["resources"].get("limits") or {}).items():
            container["resources"].setdefault("requests", {}).setdefault(name, amount)


def _tolerations(spec: dict[str, Any]) -> None:
    present = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(item.get("key") in (key, None) and item.get("effect") in ("NoExecute", None) for item in present):
            present.append(
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _DURATION_OF_A_TAINT}
            )
