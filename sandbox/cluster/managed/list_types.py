"""Which lists and objects are owned element by element (`listType`, `listMapKey`, `mapType` in k8s.io/api).

What is not listed here: lists are owned as a whole, objects and maps field by field.
"""

from collections.abc import Mapping

_TYPE = ("type",)
_NAME = ("name",)

KEYED_LISTS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("V1ObjectMeta", "ownerReferences"): ("uid",),
    ("V1PodSpec", "containers"): _NAME,
    ("V1PodSpec", "initContainers"): _NAME,
    ("V1PodSpec", "ephemeralContainers"): _NAME,
    ("V1PodSpec", "volumes"): _NAME,
    ("V1PodSpec", "imagePullSecrets"): _NAME,
    ("V1PodSpec", "hostAliases"): ("ip",),
    ("V1PodSpec", "topologySpreadConstraints"): ("topologyKey", "whenUnsatisfiable"),
    ("V1PodSpec", "schedulingGates"): _NAME,
    ("V1PodSpec", "resourceClaims"): _NAME,
    ("V1Container", "env"): _NAME,
    ("V1Container", "ports"): ("containerPort", "protocol"),
    ("V1Container", "volumeMounts"): ("mountPath",),
    ("V1Container", "volumeDevices"): ("devicePath",),
    ("V1ServiceSpec", "ports"): ("port", "protocol"),
    ("V1ServiceAccount", "secrets"): _NAME,
    ("V1PodStatus", "podIPs"): ("ip",),
    ("V1NodeStatus", "addresses"): _TYPE,
    **{
        (f"{model}Status", "conditions"): _TYPE
        for model in (
            "V1Pod", "V1Node", "V1Namespace", "V1Deployment", "V1ReplicaSet", "V1StatefulSet", "V1DaemonSet",
            "V1PodDisruptionBudget", "V1PersistentVolumeClaim", "V1Service", "V1ReplicationController",
            "V2HorizontalPodAutoscaler",
        )
    },
}  # fmt: skip
"""Lists whose elements are told apart by these fields."""

KEY_DEFAULTS: Mapping[tuple[str, str, str], str] = {
    ("V1Container", "ports", "protocol"): "TCP",
    ("V1ServiceSpec", "ports", "protocol"): "TCP",
}
"""What a key field is when an applied element doesn't say it."""

SETS = {("V1ObjectMeta", "finalizers"), ("V1NodeSpec", "podCIDRs")}
"""Lists of plain values, each with its own owners."""

WHOLE_OBJECTS = {
    "V1LabelSelector", "V1ConfigMapKeySelector", "V1SecretKeySelector", "V1ObjectFieldSelector",
    "V1ResourceFieldSelector", "V1LocalObjectReference", "V1TypedLocalObjectReference", "V1ObjectReference",
    "V1NodeSelector", "V1NodeSelectorTerm", "V1ScopeSelector", "V1SecretReference", "V1TypedObjectReference",
    "V1OwnerReference",
}  # fmt: skip
"""Objects that have one owner as a whole."""

WHOLE_MAPS = {
    ("V1PodSpec", "nodeSelector"),
    ("V1ServiceSpec", "selector"),
    ("V1ReplicationControllerSpec", "selector"),
}
"""Maps that have one owner as a whole."""

ALWAYS_THERE = {"metadata", "spec", "status", "template", "strategy", "updateStrategy", "jobTemplate"}
"""Objects that are no pointer in Go, so that they are there, empty, in an object that doesn't name them."""

ALWAYS_THERE_LISTS = {("V1PodSpec", "containers")}
"""The same for lists that are written even when they are empty."""
