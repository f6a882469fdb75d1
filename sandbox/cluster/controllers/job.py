"""Jobs: pods until enough of them have succeeded, or too many failed."""

from typing import Any

from sandbox.cluster.conditions import condition
from sandbox.cluster.controllers.world import World, is_active, pod_from, random_suffix
from sandbox.cluster.store import Object, now

_RESOURCE = "jobs.batch"


def sync_job(world: World, item: Object) -> None:
    """Start pods that are missing and settle the job when it has ended."""
    spec, status = item["spec"], dict(item.get("status") or {})
    if any(each["type"] in ("Complete", "Failed") for each in status.get("conditions") or ()):
        return
    pods = world.owned(item, "pods")
    phases = [(pod.get("status") or {}).get("phase") for pod in pods]
    succeeded, failed = phases.count("Succeeded"), phases.count("Failed")
    active = [pod for pod in pods if is_active(pod)]
    completions = spec.get("completions", spec["parallelism"])
    status.setdefault("startTime", now())
    ended: dict[str, Any] = {}
    if succeeded >= completions:
        text = "Reached expected number of succeeded pods"
        ended = {
            "conditions": condition(status.get("conditions"), "Complete", True, "CompletionsReached", text),
            "completionTime": now(),
        }
        world.event(item, "Normal", "Completed", "Job completed")
    elif failed > spec["backoffLimit"]:
        text = "Job has reached the specified backoff limit"
        ended = {"conditions": condition(status.get("conditions"), "Failed", True, "BackoffLimitExceeded", text)}
        world.event(item, "Warning", "BackoffLimitExceeded", text)
    elif spec.get("suspend"):
        for pod in active:
            world.delete("pods", pod)
    else:
        for _ in range(min(spec["parallelism"], completions - succeeded) - len(active)):
            name = f"{item['metadata']['name']}-{random_suffix()}"
            labels = {"job-name": item["metadata"]["name"], "batch.kubernetes.io/job-name": item["metadata"]["name"]}
            body = pod_from(spec["template"], item, name, labels)
            active.append(world.create("pods", item["metadata"]["namespace"], body))
            world.event(item, "Normal", "SuccessfulCreate", f"Created pod: {name}")
    counts = {"active": len(active) or None, "succeeded": succeeded or None, "failed": failed or None}
    world.set_status(_RESOURCE, item, {**status, "active": None, **counts, **ended})
