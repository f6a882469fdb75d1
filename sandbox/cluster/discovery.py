"""What the server says about itself: versions, groups, resources."""

from collections.abc import Sequence
from typing import Any

from sandbox.cluster.kinds import Kind, groups

GIT_VERSION = "v1.37.0+sandbox"
_SCALE_VERBS = ["get", "patch", "update"]
_SUBRESOURCES: dict[str, tuple[str, str, str, list[str]]] = {
    "scale": ("autoscaling", "v1", "Scale", _SCALE_VERBS),
    "eviction": ("policy", "v1", "Eviction", ["create"]),
    "binding": ("", "v1", "Binding", ["create"]),
    "log": ("", "", "", ["get"]),
    "status": ("", "", "", _SCALE_VERBS),
    "finalize": ("", "", "", ["update"]),
}


def version() -> dict[str, str]:
    """Return /version."""
    return {
        "major": "1", "minor": "37", "gitVersion": GIT_VERSION, "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z", "goVersion": "none", "compiler": "none", "platform": "linux/amd64",
    }  # fmt: skip


def core_versions() -> dict[str, Any]:
    """Return /api."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def group_list(more: Sequence[Kind]) -> dict[str, Any]:
    """Return /apis."""
    named: dict[str, list[str]] = {}
    for group, version_, _ in groups(more):
        if group:
            named.setdefault(group, []).append(version_)
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(*each) for each in named.items()]}


def group(name: str, more: Sequence[Kind]) -> dict[str, Any] | None:
    """Return /apis/NAME, or None."""
    found = [version_ for each, version_, _ in groups(more) if each == name and name]
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, found)} if found else None


def _group(name: str, versions: list[str]) -> dict[str, Any]:
    described = [{"groupVersion": f"{name}/{each}", "version": each} for each in versions]
    return {"name": name, "versions": described, "preferredVersion": described[0]}


def resource_list(name: str, version_: str, more: Sequence[Kind]) -> dict[str, Any] | None:
    """Return /api/v1 or /apis/NAME/VERSION, or None."""
    for group_name, each, kinds in groups(more):
        if (group_name, each) == (name, version_):
            resources = [entry for kind in kinds for entry in _resources(kind)]
            group_version = f"{name}/{version_}" if name else version_
            return {
                "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources,
            }  # fmt: skip
    return None


def _resources(kind: Kind) -> list[dict[str, Any]]:
    base: dict[str, Any] = {
        "name": kind.plural, "singularName": kind.kind.lower(), "namespaced": kind.namespaced, "kind": kind.kind,
        "verbs": list(kind.verbs),
    }  # fmt: skip
    if kind.short:
        base["shortNames"] = list(kind.short)
    if kind.categories:
        base["categories"] = list(kind.categories)
    found = [base]
    for name in kind.subresources:
        group_name, version_, kind_name, verbs = _SUBRESOURCES[name]
        entry: dict[str, Any] = {
            "name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced,
            "kind": kind_name or kind.kind, "verbs": verbs,
        }  # fmt: skip
        if version_:
            entry |= {"group": group_name, "version": version_}
        found.append(entry)
    return found
