"""The sandbox's Kubernetes cluster: a stateful API server with controllers, faults and a request log.

`SandboxCluster` runs in a thread of this process; `python -m sandbox.cluster` is a process of its own,
which `ControlClient` watches and disturbs.
"""

from sandbox.cluster.behaviours import Behaviour, Conduct
from sandbox.cluster.cluster import SandboxCluster
from sandbox.cluster.control_client import ControlClient
from sandbox.cluster.faults import Effect, Fault
from sandbox.cluster.requests import RecordedRequest, RequestLog

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
