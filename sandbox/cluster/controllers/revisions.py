"""ControllerRevisions: the history of StatefulSets and DaemonSets."""

import json
from typing import Any

from sandbox.cluster.controllers.world import World, controller_reference, hash_of
from sandbox.cluster.store import Object

_RESOURCE = "controllerrevisions.apps"
HASH = "controller-revision-hash"


def ensure_revision(world: World, item: Object) -> tuple[Object, list[Object]]:
    """Return the revision of the present template, made or renumbered as the newest, and all of them by number."""
    template = json.loads(json.dumps(item["spec"]["template"]))
    data: dict[str, Any] = {"spec": {"template": {**template, "$patch": "replace"}}}
    known = sorted(world.owned(item, _RESOURCE), key=lambda each: int(each["revision"]))
    newest = int(known[-1]["revision"]) if known else 0
    found = next((each for each in known if each["data"] == data), None)
    if found is None:
        digest = hash_of(data)
        metadata = {
            "name": f"{item['metadata']['name']}-{digest}",
            "labels": {**(template["metadata"].get("labels") or {}), "controller.kubernetes.io/hash": digest},
            "ownerReferences": [controller_reference(item)],
        }
        if annotations := item["metadata"].get("annotations"):
            metadata["annotations"] = dict(annotations)
        body = {
            "apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata, "data": data,
            "revision": newest + 1,
        }  # fmt: skip
        found = world.create(_RESOURCE, item["metadata"]["namespace"], body)
    elif int(found["revision"]) < newest:
        found = world.replace(_RESOURCE, found, revision=newest + 1)
    return found, sorted(world.owned(item, _RESOURCE), key=lambda each: int(each["revision"]))


def forget_revisions(world: World, item: Object, known: list[Object], in_use: set[str]) -> None:
    """Delete the oldest unused revisions beyond revisionHistoryLimit."""
    unused = [each for each in known if each["metadata"]["name"] not in in_use]
    spare = len(unused) - item["spec"]["revisionHistoryLimit"]
    for each in unused[: max(spare, 0)]:
        world.delete(_RESOURCE, each)
