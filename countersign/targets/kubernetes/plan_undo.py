"""Pure: what rollout undo makes of a workload, from its history.

Deployments keep their history in ReplicaSets, StatefulSets and DaemonSets in ControllerRevisions. The rules
are kubectl's (polymorphichelpers/rollback.go): the highest revision is the present one, the second highest the
previous one; a template that already matches is left alone.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, Final

from countersign.errors import TargetNotFound

REVISION: Final = "deployment.kubernetes.io/revision"
POD_TEMPLATE_HASH: Final = "pod-template-hash"
_KEPT_ANNOTATIONS: Final = (
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
)


def owned_by(live: Mapping[str, Any], items: Iterable[Any]) -> list[Any]:
    """Return the objects that `live` controls."""
    uid = live["metadata"]["uid"]
    return [
        item
        for item in items
        if any(o.get("uid") == uid and o.get("controller") for o in item["metadata"].get("ownerReferences") or ())
    ]


def deployment_undone(
    live: Mapping[str, Any], replica_sets: Iterable[Any], to_revision: int | None, *, of: str
) -> tuple[Any, int]:
    """Return the Deployment with the template and annotations of a revision, and that revision's number."""
    history: dict[int, Any] = {}
    for item in owned_by(live, replica_sets):
        number = (item["metadata"].get("annotations") or {}).get(REVISION, "")
        if number.isdigit():
            history[int(number)] = item
    revision = _choose(sorted(history), to_revision, of=of)
    source = history[revision]
    wanted = deepcopy(dict(live))
    template = deepcopy(source["spec"]["template"])
    labels = template.get("metadata", {}).get("labels") or {}
    labels.pop(POD_TEMPLATE_HASH, None)
    if _same(template, live["spec"]["template"]):
        return wanted, revision
    wanted["spec"]["template"] = template
    own = live["metadata"].get("annotations") or {}
    theirs = source["metadata"].get("annotations") or {}
    annotations = {key: own[key] for key in _KEPT_ANNOTATIONS if key in own}
    annotations.update({key: value for key, value in theirs.items() if key not in _KEPT_ANNOTATIONS})
    wanted["metadata"]["annotations"] = annotations
    return wanted, revision


def revision_undone(
    live: Mapping[str, Any], revisions: Iterable[Any], to_revision: int | None, *, of: str
) -> tuple[Any, int]:
    """Return the StatefulSet or DaemonSet with the template of a revision, and that revision's number."""
    history = {int(item["revision"]): item for item in owned_by(live, revisions)}
    revision = _choose(sorted(history), to_revision, of=of)
    template = deepcopy(history[revision]["data"]["spec"]["template"])
    template.pop("$patch", None)
    wanted = deepcopy(dict(live))
    if not _same(template, live["spec"]["template"]):
        wanted["spec"]["template"] = template
    return wanted, revision


def _choose(numbers: list[int], to_revision: int | None, *, of: str) -> int:
    known = tuple(str(number) for number in numbers)
    if to_revision:  # kubectl: --to-revision=0 is the previous one
        if to_revision not in numbers:
            raise TargetNotFound(
                f"{of} has no revision {to_revision}",
                candidates=known,
                hint=f"its revisions: {', '.join(known) or 'none'}",
            )
        return to_revision
    if len(numbers) < 2:
        raise TargetNotFound(f"{of} has no earlier revision to go back to", candidates=known)
    return numbers[-2]


def _same(left: Any, right: Any) -> bool:
    """Compare two templates; an absent field, null and an empty mapping are the same to the API."""
    return bool(_compact(left) == _compact(right))


def _compact(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {key: _compact(item) for key, item in value.items() if key != POD_TEMPLATE_HASH}
        return {key: item for key, item in kept.items() if item not in (None, {}, [])}
    if isinstance(value, list):
        return [_compact(item) for item in value]
    return value
