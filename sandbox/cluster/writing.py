"""Creating, changing and deleting objects by the API server's rules; what the HTTP side and the controllers call.

A write reads its object, decides, and commits, without giving way in between: requests are serial.
"""

import copy
import random
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.cluster import admission
from sandbox.cluster.custom import custom_problems, kind_in
from sandbox.cluster.defaults import fill_in
from sandbox.cluster.delete_options import Deletion
from sandbox.cluster.deleting import delete
from sandbox.cluster.kinds import Kind, stored
from sandbox.cluster.managed import apply as applying
from sandbox.cluster.managed import entries
from sandbox.cluster.options import Options
from sandbox.cluster.preparation import prepare
from sandbox.cluster.reading import read_patched, read_sent
from sandbox.cluster.status import (
    Cause,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    invalid_value,
    modified,
    not_found,
    required,
    wrong_uid,
)
from sandbox.cluster.store import Object, Store, now
from sandbox.cluster.validation import changes, problems
from sandbox.cluster.versions import served, to_stored

_NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_NO_UNCONDITIONAL_UPDATE = ("poddisruptionbudgets.policy",)
_PLAINLY = Deletion()
_ANYHOW = Options()
_DRY_UID = "00000000-0000-0000-0000-000000000000"
Managed = Callable[[Mapping[str, Any], Mapping[str, Any]], list[dict[str, Any]]]
"""Says what managedFields are after a write, from the stored object and the next one."""


class Writer:
    """Writes to a store. `warnings` of the last write are the caller's to send."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.warnings: list[str] = []

    def existing(self, kind: Kind, namespace: str, name: str) -> Object:
        """Return the stored object. Raises StatusError 404."""
        found = self.store.get(kind.resource, namespace, name)
        if found is None:
            raise not_found(kind, name)
        return found

    # --- creating --------------------------------------------------------------------------------

    def create(self, kind: Kind, namespace: str, body: Any, options: Options = _ANYHOW) -> Object:
        """Store a new object and return it. Raises StatusError."""
        item, self.warnings = read_sent(kind, body, options)
        item["metadata"].pop("managedFields", None)
        return self._insert(kind, namespace, item, options, _updated(kind, options))

    def _insert(self, kind: Kind, namespace: str, sent: dict[str, Any], options: Options, managed: Managed) -> Object:
        item = to_stored(kind, sent, None)
        metadata = item["metadata"]
        kept = kind_in(self.store, kind.resource)
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
        admission.completed(self.store, kind.resource, item)
        if causes := _problems(kind, item):
            raise invalid(kind, metadata["name"], causes)
        if self.store.get(kind.resource, metadata.get("namespace", ""), metadata["name"]):
            raise already_exists(kind, metadata["name"])
        admission.admit_new(self.store, kind.resource, item, dry_run=options.dry_run)
        if listed := managed({}, item):
            metadata["managedFields"] = listed
        if options.dry_run:
            metadata |= {"uid": _DRY_UID, "creationTimestamp": now()}
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
        options: Options = _ANYHOW,
    ) -> Object:
        """Replace an object (PUT). Raises StatusError."""
        before = self.existing(kind, namespace, name)
        item, self.warnings = read_sent(kind, body, options)
        metadata = item["metadata"]
        if metadata.get("name") != name:
            raise bad_request(
                f"the name of the object ({metadata.get('name', '')}) does not match the name on the URL ({name})"
            )
        if metadata.get("uid") and metadata["uid"] != before["metadata"]["uid"]:
            raise wrong_uid(kind, name, wanted=metadata["uid"], found=before["metadata"]["uid"])
        if not metadata.get("resourceVersion") and (kind.schema or kind.resource in _NO_UNCONDITIONAL_UPDATE):
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
        options: Options = _ANYHOW,
    ) -> Object:
        """Replace an object by what `alter` makes of it (PATCH), in the version of `kind`. Raises StatusError.

        `subresource` is "status" or, where only ownership tells it apart, the one that the change came by.
        """
        before = self.existing(kind, namespace, name)
        altered = alter(copy.deepcopy(served(kind, before)))
        item, self.warnings = read_patched(kind, altered, options, options.shown)
        return self._store_next(kind, before, item, subresource=subresource, options=options)

    def apply(
        self, kind: Kind, namespace: str, name: str, config: dict[str, Any], *, subresource: str, options: Options
    ) -> tuple[Object, bool]:
        """Merge an applied configuration in; True beside the object if it is new. Raises StatusError."""
        config.setdefault("metadata", {})
        wanted = config["metadata"].setdefault("name", name)
        if wanted != name:
            raise bad_request(f"the name of the object ({wanted}) does not match the name on the URL ({name})")
        before = self.store.get(kind.resource, namespace, name)
        manager = applying.applier(options.manager, kind.api_version, subresource)
        if before is None and subresource:
            raise not_found(kind, name)
        live = served(kind, before) if before else {}
        merged = applying.merged(kind.model, live, config, manager)
        listed = applying.entries_after(kind.model, live, merged, config, manager, time=now(), force=options.force)
        item, self.warnings = read_patched(kind, copy.deepcopy(merged), options)
        if before is None:
            return self._insert(kind, namespace, item, options, lambda *_: listed), True
        following = self._store_next(
            kind, before, item, subresource=subresource, options=options, managed=lambda *_: listed
        )
        return following, False

    def _store_next(
        self,
        kind: Kind,
        before: Object,
        sent: dict[str, Any],
        *,
        subresource: str,
        options: Options,
        managed: Managed | None = None,
    ) -> Object:
        item = to_stored(kind, sent, before)
        name = before["metadata"]["name"]
        version = item["metadata"].get("resourceVersion")
        if version and version != before["metadata"]["resourceVersion"]:
            if not version.isdigit():
                raise invalid(kind, name, [invalid_value("metadata.resourceVersion", version, "invalid version")])
            raise modified(kind, name)
        reset = entries.is_reset(item["metadata"])
        _keep_system_fields(item["metadata"], before["metadata"])
        if subresource == "status":
            item = {**before, "status": item.get("status", {})}
            item["metadata"] = copy.deepcopy(dict(before["metadata"]))
        else:
            if "status" in kind.subresources:
                item.pop("status", None)
                if "status" in before:
                    item["status"] = before["status"]
            admission.carried(kind.resource, before, item)
            fill_in(kind.resource, item)
            causes = changes(kind.resource, before, item) + _problems(kind, item)
            if causes:
                raise invalid(kind, name, causes)
            admission.admit_change(self.store, kind.resource, before, item, dry_run=options.dry_run)
            item["metadata"].pop("generation", None)
            if "generation" in before["metadata"]:
                grown = before["metadata"]["generation"] + _counts(kind, before, item)
                item["metadata"]["generation"] = grown
        item["metadata"].pop("managedFields", None)
        listed = [] if reset else (managed or _updated(kind, options, subresource))(before, item)
        if listed:
            item["metadata"]["managedFields"] = listed
        if _same(item, before):
            return before
        if options.dry_run:
            return item
        return self._commit(kind, before, item)

    def _commit(self, kind: Kind, before: Object, item: dict[str, Any]) -> Object:
        found = self.store.replace(kind.resource, before, item)
        metadata = found["metadata"]
        ends = metadata.get("deletionTimestamp") and not metadata.get("finalizers")
        if ends and not metadata.get("deletionGracePeriodSeconds") and kind.resource != "namespaces":
            # The last finalizer went, and no kubelet has to stop anything any more (registry/generic/store.go).
            return self.store.remove(kind.resource, found)
        return found

    def bind(self, namespace: str, name: str, alter: Callable[[dict[str, Any]], Any]) -> Object:
        """Put a pod on a node, which its spec otherwise doesn't allow. Raises StatusError."""
        pods = stored("pods")
        before = self.existing(pods, namespace, name)
        if before["spec"].get("nodeName"):
            raise conflict(pods, name, f"pod {name} is already assigned to node {before['spec']['nodeName']!r}")
        return self.store.replace("pods", before, alter(copy.deepcopy(dict(before))))

    def delete(self, kind: Kind, namespace: str, name: str, how: Deletion = _PLAINLY) -> dict[str, Any]:
        """Delete an object, or begin to, and return what the API answers. Raises StatusError."""
        return delete(self.store, kind, self.existing(kind, namespace, name), how)


def _updated(kind: Kind, options: Options, subresource: str = "") -> Managed:
    manager = entries.Manager(entries.UPDATE, options.manager, kind.api_version, subresource)
    model = kind.model if kind.schema is not None else stored(kind.resource).model
    if subresource != "scale":
        return lambda before, after: entries.after_update(model, before, after, manager, now())

    def by_scale(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
        # Entries that come by /scale are handed over without a time (apimachinery's managedfields/scalehandler.go).
        listed = entries.after_update(model, before, after, manager, "")
        same = before["spec"].get("replicas") == after["spec"].get("replicas")
        return entries.after_same_scale(before["metadata"]) if same else listed

    return by_scale


def _keep_system_fields(metadata: dict[str, Any], before: Mapping[str, Any]) -> None:
    for field in ("uid", "creationTimestamp", "namespace", "generateName"):
        if field in before:
            metadata.setdefault(field, before[field])
    metadata["creationTimestamp"] = before["creationTimestamp"]
    for field in ("deletionTimestamp", "deletionGracePeriodSeconds"):
        metadata.pop(field, None)
        if field in before:
            metadata[field] = before[field]


def _problems(kind: Kind, item: Mapping[str, Any]) -> list[Cause]:
    found = problems(kind.resource, item)
    return [*found, *custom_problems(kind.schema, item)] if kind.schema is not None else found


def _counts(kind: Kind, before: Object, item: Object) -> int:
    if kind.schema is not None:
        # Whatever is neither metadata nor a status of its own (apiextensions-apiserver, customresource/strategy.go).
        parts = {*before, *item} - {"metadata", "apiVersion", *(("status",) if "status" in kind.subresources else ())}
        return int(any(before.get(part) != item.get(part) for part in parts))
    if before.get("spec") != item.get("spec"):
        return 1
    # The deployment strategy counts annotations too (pkg/registry/apps/deployment/strategy.go).
    old, new = (each["metadata"].get("annotations") or {} for each in (before, item))
    return int(kind.resource == "deployments.apps" and old != new)


def _same(item: Object, before: Object) -> bool:
    def content(found: Object) -> dict[str, Any]:
        metadata = {key: value for key, value in found["metadata"].items() if key != "resourceVersion"}
        return {**found, "metadata": metadata}

    return content(item) == content(before)
