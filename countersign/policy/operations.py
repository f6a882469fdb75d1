"""The names by which a policy speaks of operations: verbs on Kubernetes, host tools, and investigate."""

from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator

from countersign.actions import hosts as actions_hosts
from countersign.actions.operation import Verb
from countersign.policy.problem import problem
from countersign.policy.risk import PerRisk

INVESTIGATE = "investigate"
"""A read-only kubectl command."""

HOST_TOOLS = tuple(tool.name for tool in actions_hosts.HOST_TOOLS)
READ_ONLY = frozenset({INVESTIGATE, "ssh_diagnose"})
OPERATIONS = (*(verb.value for verb in Verb), *HOST_TOOLS, INVESTIGATE)


def matches_any(value: str, patterns: Iterable[str]) -> bool:
    """Tell whether `value` matches one of the shell-style patterns (*, ?, [abc]), in any case."""
    return any(fnmatchcase(value.lower(), pattern.lower()) for pattern in patterns)


def _known(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        if not any(matches_any(operation, (pattern,)) for operation in OPERATIONS):
            near = get_close_matches(pattern.lower(), OPERATIONS, n=1)
            raise problem(
                f"no operation is called {pattern!r}",
                f"did you mean {near[0]}?" if near else "known are " + ", ".join(OPERATIONS) + ", and * for all",
            )
    return patterns


OperationPatterns = Annotated[tuple[str, ...], AfterValidator(_known)]

CRITICAL_DELETIONS = frozenset({"Deployment", "Lease", "PersistentVolumeClaim", "ReplicaSet", "VolumeAttachment"})
"""Kinds whose deletion no controller makes good, so a request for it has to be of critical risk."""

ALL: tuple[str, ...] = ("*",)
# These take something away that may not come back (a taint evicts), or (patch, create_job) can do
# anything: not for a request
# that calls itself low risk, since low risk needs the fewest signatures.
NOT_LOW_RISK = frozenset({"create_job", "delete", "drain", "patch", "taint", "ssh_docker_prune"})
DEFAULT_LOW = tuple(operation for operation in OPERATIONS if operation not in NOT_LOW_RISK)
DEFAULT_AUTOMATIC: tuple[str, ...] = (
    "restart",
    "resume",
    "uncordon",
    "ssh_diagnose",
    "ssh_docker_restart",
    "ssh_systemctl_restart",
    "ssh_reload_nginx",
    INVESTIGATE,
)


class OperationsPerRisk(PerRisk[OperationPatterns]):
    """Which operations a request of each risk level may ask for (names or patterns such as ssh_*)."""

    low: OperationPatterns = DEFAULT_LOW
    medium: OperationPatterns = ALL
    high: OperationPatterns = ALL
    critical: OperationPatterns = ALL
