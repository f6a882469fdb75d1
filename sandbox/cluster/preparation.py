"""What the API server does to a new object before it is stored: defaults, first generation, first status."""

import uuid
from collections.abc import Mapping
from typing import Any

from sandbox.cluster.custom import DEFINITIONS, define
from sandbox.cluster.defaults import fill_in
from sandbox.cluster.kinds import Kind


def prepare(kind: Kind, item: dict[str, Any]) -> None:
    """Make a new object ready to be stored, in place."""
    fill_in(kind.resource, item)
    if kind.generation:
        item["metadata"]["generation"] = 1
    if kind.resource == "pods":
        item["status"] = {"phase": "Pending", "qosClass": quality(item.get("spec") or {})}
    elif "status" in kind.subresources:
        item.setdefault("status", {})
    if kind.schema is not None:
        item.pop("status", None)
    if kind.resource == DEFINITIONS:
        define(item)
    if kind.resource == "replicasets.apps":
        item["status"] = {"replicas": 0}
    if kind.resource == "jobs.batch" and not item["spec"].get("manualSelector"):
        _own_labels(item)


def _own_labels(job: dict[str, Any]) -> None:
    """Give a job its selector, which is made from its uid."""
    job["metadata"]["uid"] = str(uuid.uuid4())
    labels = {"controller-uid": job["metadata"]["uid"], "batch.kubernetes.io/controller-uid": job["metadata"]["uid"]}
    names = {"job-name": job["metadata"]["name"], "batch.kubernetes.io/job-name": job["metadata"]["name"]}
    template = job["spec"].setdefault("template", {}).setdefault("metadata", {})
    template["labels"] = {**(template.get("labels") or {}), **labels, **names}
    job["spec"]["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": job["metadata"]["uid"]}}


def quality(spec: Mapping[str, Any]) -> str:
    """Return a pod's QoS class."""
    resources = [container.get("resources") or {} for container in spec.get("containers") or ()]
    if not any(each.get("requests") or each.get("limits") for each in resources):
        return "BestEffort"
    full = all({"cpu", "memory"} <= (each.get("limits") or {}).keys() for each in resources)
    same = all((each.get("requests") or each.get("limits")) == each.get("limits") for each in resources)
    return "Guaranteed" if full and same else "Burstable"
