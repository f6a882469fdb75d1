"""Creating, changing and deleting objects by the API server's rules; what the HTTP side and the controllers call.

A write reads its object, decides, and commits, without giving way in between: requests are serial.
"""

import copy
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from countersign.sandbox.cluster.decoding import Reader, WrongType
from countersign.sandbox.cluster.defaults import fill_in
from countersign.sandbox.cluster.delete_options import Deletion
from countersign.sandbox.cluster.kinds import Kind, stored
from countersign.sandbox.cluster.status import (
    Cause,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    invalid_value,
    modified,
    not_found,
    precondition,
    required,
    success,
    wrong_uid,
)
from countersign.sandbox.cluster.store import Object, Store, now
from countersign.sandbox.cluster.validation import changes, problems
from countersign.sandbox.cluster.versions import served, to_stored

_NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_NAMESPACE_NAMES = ("default", "kube-system", "kube-public")
_NO_UNCONDITIONAL_UPDATE = ("poddisruptionbudgets.policy",)
_ORPHANS_BY_DEFAULT = ("jobs.batch",)
_PLAINLY = Deletion()


@dataclass(frozen=True, kw_only=True)
class Options:
    """Query parameters of a write."""

    dry_run: bool = False
    strict: bool = False
    """fieldValidation=Strict: unknown fields are refused."""


class Writer:
    """Writes to a store. `warnings` of the last write are the caller's to send."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.warnings: list[str] = []

    # --- reading ---------------------------------------------------------------------------------

    def existing(self, kind: Kind, namespace: str, name: str) -> Object:
        """Return the stored object. Raises StatusError 404."""
        found = self.store.get(kind.resource, namespace, name)
        if found is None:
            raise not_found(kind, name)
        return found

    def _read(self, kind: Kind, body: Any, options: Options) -> dict[str, Any]:
        reader = Reader()
        try:
            item = reader.read(kind.model, copy.deepcopy(body))
        except WrongType as error:
            raise bad_request(error.message) from None
        for key, wanted in (("apiVersion", kind.api_version), ("kind", kind.kind)):
            if item.setdefault(key, wanted) != wanted:
                raise bad_request(f"the {key} in the data ({item[key]}) does not match the expected {key} ({wanted})")
        if reader.unknown and options.strict:
            listed = ", ".join(f'unknown field "{field}"' for field in reader.unknown)
            raise bad_request(f"{kind.kind} in version \"{kind.version}\" cannot be handled as a {kind.kind}: "
                              f"strict decoding error: {listed}")  # fmt: skip
        self.warnings = [f'unknown field "{field}"' for field in reader.unknown]
        item.setdefault("metadata", {})
        item["metadata"].pop("managedFields", None)
        item["metadata"].pop("selfLink", None)
        return item

    # --- creating --------------------------------------------------------------------------------

    def create(self, kind: Kind, namespace: str, body: Any, options: Options = Options()) -> Object:
        """Store a new object and return it. Raises StatusError."""
        item = to_stored(kind, self._read(kind, body, options), None)
        metadata = item["metadata"]
        kept = stored(kind.resource)
        if kind.namespaced:
            if metadata.setdefault("namespace", namespace) != namespace:
                raise bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
        else:
            metadata.pop("namespace", None)
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + "".join(random.choices(_NAME_LETTERS, k=5))  # noqa: S311
        if metadata.get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        if not metadata.get("name"):
            raise invalid(kind, "", [required("metadata.name", "name or generateName is required")])
        self._need_namespace(kind, namespace, metadata["name"])
        for field in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
            metadata.pop(field, None)
        if "status" in kind.subresources and kind.resource not in ("nodes",):
            item.pop("status", None)
        prepare(kept, item)
        if causes := problems(kind.resource, item):
            raise invalid(kind, metadata["name"], causes)
        if self.store.get(kind.resource, metadata.get("namespace", ""), metadata["name"]):
            raise already_exists(kind, metadata["name"])
        if options.dry_run:
            metadata |= {"uid": "00000000-0000-0000-0000-000000000000", "creationTimestamp": now()}
            return item
        return self.store.insert(kept, item)

    def _need_namespace(self, kind: Kind, namespace: str, name: str) -> None:
        if not kind.namespaced:
            return
        found = self.store.get("namespaces", "", namespace)
        if found is None:
            raise not_found(stored("namespaces"), namespace)
        if found["metadata"].get("deletionTimestamp"):
            cause = Cause("metadata.namespace", f"namespace {namespace} is being terminated", "NamespaceTerminating")
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(kind, name, why, causes=[cause])

    # --- changing --------------------------------------------------------------------------------

    def update(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        body: Any,
        *,
        subresource: str = "",
        options: Options = Options(),
    ) -> Object:
        """Replace an object (PUT). Raises StatusError."""
        before = self.existing(kind, namespace, name)
        item = self._read(kind, body, options)
        metadata = item["metadata"]
        if metadata.get("name") != name:
            raise bad_request(
                f"the name of the object ({metadata.get('name', '')}) does not match the name on the URL ({name})"
            )
        if metadata.get("uid") and metadata["uid"] != before["metadata"]["uid"]:
            raise wrong_uid(kind, name, wanted=metadata["uid"], found=before["metadata"]["uid"])
        if not metadata.get("resourceVersion") and kind.resource in _NO_UNCONDITIONAL_UPDATE:
            cause = Cause("metadata.resourceVersion", "Invalid value: 0x0: must be specified for an update")
            raise invalid(kind, name, [cause])
        return self._store_next(kind, before, item, subresource=subresource, options=options)

    def change(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        alter: Callable[[dict[str, Any]], Any],
        *,
        subresource: str = "",
        options: Options = Options(),
    ) -> Object:
        """Replace an object by what `alter` makes of it (PATCH), in the version of `kind`. Raises StatusError."""
        before = self.existing(kind, namespace, name)
        altered = alter(copy.deepcopy(served(kind, before)))
        try:
            Reader().read(kind.model, altered)
        except WrongType as error:
            # Here the object is made by the server, so it is the patch that is invalid.
            raise invalid(kind, "", [Cause("patch", f"Invalid value: {error.message}")]) from None
        item = self._read(kind, altered, options)
        return self._store_next(kind, before, item, subresource=subresource, options=options)

    def _store_next(
        self, kind: Kind, before: Object, item: dict[str, Any], *, subresource: str, options: Options
    ) -> Object:
        item = to_stored(kind, item, before)
        name = before["metadata"]["name"]
        version = item["metadata"].get("resourceVersion")
        if version and version != before["metadata"]["resourceVersion"]:
            if not version.isdigit():
                raise invalid(kind, name, [invalid_value("metadata.resourceVersion", version, "invalid version")])
            raise modified(kind, name)
        _keep_system_fields(item["metadata"], before["metadata"])
        if subresource == "status":
            item = {**before, "status": item.get("status", {})}
            item["metadata"] = copy.deepcopy(dict(before["metadata"]))
        else:
            if "status" in kind.subresources:
                item.pop("status", None)
                if "status" in before:
                    item["status"] = before["status"]
            fill_in(kind.resource, item)
            causes = changes(kind.resource, before, item) + problems(kind.resource, item)
            if causes:
                raise invalid(kind, name, causes)
            item["metadata"].pop("generation", None)
            if "generation" in before["metadata"]:
                grown = before["metadata"]["generation"] + _counts(kind.resource, before, item)
                item["metadata"]["generation"] = grown
        if _same(item, before):
            return before
        if options.dry_run:
            return item
        stored_item = self.store.replace(kind.resource, before, item)
        held = kind.resource in ("pods", "namespaces") or stored_item["metadata"].get("finalizers")
        if stored_item["metadata"].get("deletionTimestamp") and not held:
            # The last finalizer went: nothing keeps the object any more. A pod waits for its kubelet.
            return self.store.remove(kind.resource, stored_item)
        return stored_item

    def bind(self, namespace: str, name: str, alter: Callable[[dict[str, Any]], Any]) -> Object:
        """Put a pod on a node, which its spec otherwise doesn't allow. Raises StatusError."""
        pods = stored("pods")
        before = self.existing(pods, namespace, name)
        if before["spec"].get("nodeName"):
            raise conflict(pods, name, f"pod {name} is already assigned to node {before['spec']['nodeName']!r}")
        return self.store.replace("pods", before, alter(copy.deepcopy(dict(before))))

    # --- deleting --------------------------------------------------------------------------------

    def delete(self, kind: Kind, namespace: str, name: str, how: Deletion = _PLAINLY) -> dict[str, Any]:
        """Delete an object, or begin to, and return what the API answers. Raises StatusError."""
        before = self.existing(kind, namespace, name)
        metadata = before["metadata"]
        if how.uid and how.uid != metadata["uid"]:
            raise precondition(kind, name, "UID", wanted=how.uid, found=metadata["uid"])
        if how.resource_version and how.resource_version != metadata["resourceVersion"]:
            found = metadata["resourceVersion"]
            raise precondition(kind, name, "ResourceVersion", wanted=how.resource_version, found=found)
        if kind.resource == "namespaces" and name in _NAMESPACE_NAMES:
            raise forbidden(kind, name, "this namespace may not be deleted")
        grace = _grace_seconds(kind, before, how.grace_seconds)
        finalizers = list(metadata.get("finalizers") or ())
        propagation = how.propagation or ("Orphan" if kind.resource in _ORPHANS_BY_DEFAULT else "Background")
        if propagation == "Foreground" and any(True for _ in self.store.owned(metadata["uid"])):
            finalizers = list(dict.fromkeys([*finalizers, "foregroundDeletion"]))
        waits = grace > 0 or finalizers or kind.resource == "namespaces"
        if metadata.get("deletionTimestamp") and waits:
            shorter = grace < metadata.get("deletionGracePeriodSeconds", 0)
            if not shorter:
                return dict(before)
        if how.dry_run:
            return dict(before) if waits or kind.resource == "pods" else success(kind, name, metadata["uid"])
        if waits:
            return dict(self._begin_deletion(kind, before, grace, finalizers))
        if propagation == "Orphan":
            self.orphan(metadata["uid"])
        gone = self.store.remove(kind.resource, before)
        return dict(gone) if kind.resource in ("pods", "services") else success(kind, name, metadata["uid"])

    def _begin_deletion(self, kind: Kind, before: Object, grace: int, finalizers: list[str]) -> Object:
        item = {**before, "metadata": dict(before["metadata"])}
        metadata = item["metadata"]
        end = datetime.now(UTC) + timedelta(seconds=grace)
        metadata["deletionTimestamp"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
        if kind.resource != "namespaces":
            metadata["deletionGracePeriodSeconds"] = grace
        if finalizers:
            metadata["finalizers"] = finalizers
        if "generation" in metadata:
            metadata["generation"] += 1
        if kind.resource == "namespaces":
            item["status"] = {**(item.get("status") or {}), "phase": "Terminating"}
        return self.store.replace(kind.resource, before, item)

    def orphan(self, uid: str) -> None:
        """Take the owner `uid` off everything that names it."""
        for resource, item in list(self.store.owned(uid)):
            free = {**item, "metadata": dict(item["metadata"])}
            owners = [owner for owner in item["metadata"]["ownerReferences"] if owner["uid"] != uid]
            free["metadata"]["ownerReferences"] = owners
            if not owners:
                del free["metadata"]["ownerReferences"]
            self.store.replace(resource, item, free)


def prepare(kind: Kind, item: dict[str, Any]) -> None:
    """Make a new object ready to be stored, in place: defaults, first generation, first status."""
    fill_in(kind.resource, item)
    if kind.generation:
        item["metadata"]["generation"] = 1
    if kind.resource == "pods":
        item["status"] = {"phase": "Pending", "qosClass": quality(item.get("spec") or {})}
    elif "status" in kind.subresources:
        item.setdefault("status", {})
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


def _keep_system_fields(metadata: dict[str, Any], before: Mapping[str, Any]) -> None:
    for field in ("uid", "creationTimestamp", "namespace", "generateName"):
        if field in before:
            metadata.setdefault(field, before[field])
    metadata["creationTimestamp"] = before["creationTimestamp"]
    for field in ("deletionTimestamp", "deletionGracePeriodSeconds"):
        metadata.pop(field, None)
        if field in before:
            metadata[field] = before[field]


def _counts(resource: str, before: Object, item: Object) -> int:
    if before.get("spec") != item.get("spec"):
        return 1
    # The deployment strategy counts annotations too (pkg/registry/apps/deployment/strategy.go).
    old, new = (each["metadata"].get("annotations") or {} for each in (before, item))
    return int(resource == "deployments.apps" and old != new)


def _same(item: Object, before: Object) -> bool:
    def content(found: Object) -> dict[str, Any]:
        metadata = {key: value for key, value in found["metadata"].items() if key != "resourceVersion"}
        return {**found, "metadata": metadata}

    return content(item) == content(before)


def _grace_seconds(kind: Kind, before: Object, wanted: int | None) -> int:
    if kind.resource != "pods":
        return 0
    spec, phase = before.get("spec") or {}, (before.get("status") or {}).get("phase")
    if not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
        return 0
    return int(spec.get("terminationGracePeriodSeconds", 30)) if wanted is None else wanted
