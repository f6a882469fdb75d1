"""Fields whose zero value is the same as their absence, as in the Go types of k8s.io/api (`omitempty`, no pointer).

An API server reads and writes objects through those types, so `paused: false` written to an object without `paused`
changes nothing. Fields that are pointers keep their zero (`replicas: 0`) and are not listed.
"""

from typing import Any

_FALSE = {
    "V1DeploymentSpec": {"paused"},
    "V1NodeSpec": {"unschedulable"},
    "V1PodSpec": {"hostNetwork", "hostPID", "hostIPC"},
    "V1Container": {"stdin", "stdinOnce", "tty"},
    "V1VolumeMount": {"readOnly"},
    "V1EmptyDirVolumeSource": {"sizeLimit"},
    "V1PersistentVolumeClaimVolumeSource": {"readOnly"},
    "V1ServiceSpec": {"publishNotReadyAddresses"},
}
_ZERO = {
    "V1DeploymentSpec": {"minReadySeconds"},
    "V1ReplicaSetSpec": {"minReadySeconds"},
    "V1StatefulSetSpec": {"minReadySeconds"},
    "V1DaemonSetSpec": {"minReadySeconds"},
    "V1ContainerPort": {"hostPort"},
    "V1Probe": {"initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"},
    "V1ServicePort": {"nodePort"},
    "V1DeploymentStatus": {
        "replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas",
        "observedGeneration",
    },
    "V1ReplicaSetStatus": {"fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"},
    "V1StatefulSetStatus": {"readyReplicas", "currentReplicas", "updatedReplicas", "observedGeneration"},
    "V1DaemonSetStatus": {"updatedNumberScheduled", "numberAvailable", "numberUnavailable", "observedGeneration"},
    "V1JobStatus": {"active", "succeeded", "failed"},
    "V1PodDisruptionBudgetStatus": {"observedGeneration"},
}  # fmt: skip
_EMPTY_TEXT_STAYS = {
    ("V1PersistentVolumeClaimSpec", "storageClassName"),
    ("V1IngressSpec", "ingressClassName"),
    ("V1OwnerReference", "uid"),
    ("V1Toleration", "operator"),
}
"""Text is no pointer nearly everywhere, so here the exceptions are listed."""


def is_absent(model: str, field: str, value: Any) -> bool:
    """True if `value` in that field means the same as no field."""
    match value:
        case None:
            return True
        case False:
            return field in _FALSE.get(model, ())
        case "":
            return (model, field) not in _EMPTY_TEXT_STAYS
        case int() if value == 0:
            return field in _ZERO.get(model, ())
    return False
