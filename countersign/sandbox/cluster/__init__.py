"""The sandbox's Kubernetes cluster: a stateful API server with controllers, faults and a request log.

`SandboxCluster` runs in a thread of this process; `python -m countersign.sandbox.cluster` is a process of its own,
which `ControlClient` watches and disturbs.
"""

from countersign.sandbox.cluster.behaviours import Behaviour, Conduct
from countersign.sandbox.cluster.cluster import SandboxCluster
from countersign.sandbox.cluster.control_client import ControlClient
from countersign.sandbox.cluster.faults import Effect, Fault
from countersign.sandbox.cluster.requests import RecordedRequest, RequestLog

__all__ = [
    "Behaviour",
    "Conduct",
    "ControlClient",
    "Effect",
    "Fault",
    "RecordedRequest",
    "RequestLog",
    "SandboxCluster",
]
