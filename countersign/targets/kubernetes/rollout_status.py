"""Is a rollout complete? Decided as `kubectl rollout status` does (polymorphichelpers/rollout_status.go). Pure.

One thing is added: the generation that our change made must have been observed, since a status from before it says
nothing about it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from countersign.texts import text

Facts = Mapping[str, Any]
"""Of one workload (observe.facts_of)."""


class Progress(StrEnum):
    """How far a rollout is."""

    COMPLETE = "complete"
    WAITING = "waiting"
    FAILED = "failed"
    """The cluster gave up (ProgressDeadlineExceeded)."""
    PAUSED = "paused"
    """Nothing rolls out until somebody resumes it."""
    BY_HAND = "by_hand"
    """Pods are replaced only when somebody deletes them (OnDelete); kubectl has no status for that."""


@dataclass(frozen=True)
class Rollout:
    """The answer, with a sentence."""

    progress: Progress
    reason: str


KINDS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"})


def rollout_of(kind: str, facts: Facts, *, generation: int | None = None, scaled: bool = False) -> Rollout:
    """Return how far a workload's rollout is. `generation` is the one that our change made, if it is known.

    A paused Deployment that was `scaled` makes the pods all the same, of whatever templates it had.
    """
    status, spec = facts.get("status") or {}, facts.get("spec") or {}
    observed = status.get("observedGeneration", 0)
    # A DaemonSet's and a ReplicaSet's zero counters are omitted, their observed generation never is.
    if not observed or max(facts.get("generation") or 0, generation or 0) > observed:
        return _waiting("not_observed")
    match kind:
        case "Deployment" if scaled and spec.get("paused"):
            return _replica_set(status, spec)
        case "Deployment":
            return _deployment(facts, status, spec)
        case "StatefulSet":
            return _stateful_set(facts, status, spec)
        case "DaemonSet":
            return _daemon_set(facts, status)
        case _:
            return _replica_set(status, spec)


def keeps_every_pod(kind: str, facts: Facts) -> bool:
    """Return whether a StatefulSet's partition keeps all of its pods from a new template."""
    strategy, wanted = facts.get("strategy") or {}, (facts.get("spec") or {}).get("replicas", 1)
    return kind == "StatefulSet" and bool(wanted) and (strategy.get("partition") or 0) >= wanted


def _deployment(facts: Facts, status: Facts, spec: Facts) -> Rollout:
    progressing = (facts.get("conditions") or {}).get("Progressing") or {}
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Rollout(Progress.FAILED, text("criterion.deadline_exceeded"))
    wanted, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    rolling = _deployment_waits(status, wanted, updated)
    if rolling is None:
        return Rollout(Progress.COMPLETE, text("criterion.rolled_out", count=wanted))
    # kubectl would wait for ever here.
    return Rollout(Progress.PAUSED, text("criterion.paused")) if spec.get("paused") else rolling


def _deployment_waits(status: Facts, wanted: int, updated: int) -> Rollout | None:
    if updated < wanted:
        return _waiting("updating", updated=updated, wanted=wanted)
    if status.get("replicas", 0) > updated:
        return _waiting("old_remain", count=status.get("replicas", 0) - updated)
    if status.get("availableReplicas", 0) < updated:
        return _waiting("available", available=status.get("availableReplicas", 0), wanted=updated)
    return None


def _stateful_set(facts: Facts, status: Facts, spec: Facts) -> Rollout:
    strategy = facts.get("strategy") or {}
    if strategy.get("type") == "OnDelete":
        return Rollout(Progress.BY_HAND, text("criterion.on_delete"))
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    if ready < wanted:
        return _waiting("available", available=ready, wanted=wanted)
    partition = strategy.get("partition") or 0
    if partition:
        due = wanted - partition
        if status.get("updatedReplicas", 0) < due:
            return _waiting("updating", updated=status.get("updatedReplicas", 0), wanted=due)
    elif status.get("updateRevision") != status.get("currentRevision"):
        return _waiting("updating", updated=status.get("updatedReplicas", 0), wanted=wanted)
    if status.get("replicas", 0) > wanted:
        # kubectl does not ask; a scale down is not there before the last pod has gone.
        return _waiting("old_remain", count=status.get("replicas", 0) - wanted)
    return Rollout(Progress.COMPLETE, text("criterion.rolled_out", count=wanted))


def _daemon_set(facts: Facts, status: Facts) -> Rollout:
    if (facts.get("strategy") or {}).get("type") == "OnDelete":
        return Rollout(Progress.BY_HAND, text("criterion.on_delete"))
    wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
    if updated < wanted:
        return _waiting("updating", updated=updated, wanted=wanted)
    available = status.get("numberAvailable", 0)
    if available < wanted:
        return _waiting("available", available=available, wanted=wanted)
    return Rollout(Progress.COMPLETE, text("criterion.rolled_out", count=wanted))


def _replica_set(status: Facts, spec: Facts) -> Rollout:
    wanted, found = spec.get("replicas", 1), status.get("replicas", 0)
    if found > wanted:
        return _waiting("old_remain", count=found - wanted)
    if status.get("availableReplicas", 0) < wanted:
        return _waiting("available", available=status.get("availableReplicas", 0), wanted=wanted)
    return Rollout(Progress.COMPLETE, text("criterion.rolled_out", count=wanted))


def _waiting(what: str, **values: int) -> Rollout:
    return Rollout(Progress.WAITING, text(f"criterion.{what}").format(**values))
