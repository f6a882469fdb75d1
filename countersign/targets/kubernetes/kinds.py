"""Where the API has each kind of the actions' catalogue: group, plural, scope, version."""

from dataclasses import dataclass
from typing import Final

from countersign.actions.custom_kinds import is_custom
from countersign.actions.kinds import KINDS
from countersign.errors import PermanentTargetError
from countersign.targets.kubernetes.connection import Connection, segment


@dataclass(frozen=True)
class ApiKind:
    """One kind's place in the API."""

    group: str
    """"" is the core group."""
    plural: str
    namespaced: bool = True


_PLACES: Final[dict[str, ApiKind]] = {
    "ControllerRevision": ApiKind("apps", "controllerrevisions"),  # not an action's object, but undo reads it
    **{name: ApiKind(kind.group, kind.plural, kind.namespaced) for name, kind in KINDS.items()},
}
_SINCE: Final = {"CronJob": "1.21"}
"""Kinds that are younger than the version v1 of their group, and since which Kubernetes it has them: before, they may
be in another version of the group, or nowhere."""
_SETTLED_VERSIONS: Final = {"apps": "v1"}
"""Groups whose version need not be asked: v1 in every cluster since 1.9. Others are what the server prefers."""


def api_kind(kind: str) -> ApiKind:
    """Return a kind's place. Raises PermanentTargetError for a kind that this target does not know."""
    if is_custom(kind):
        name, _, group = kind.partition(".")
        return ApiKind(group, name)
    try:
        return _PLACES[kind]
    except KeyError:
        raise PermanentTargetError(
            f"kind {kind!r} is not one this target acts on", hint=f"known kinds: {', '.join(sorted(KINDS))}"
        ) from None


def list_path(connection: Connection, kind: str, namespace: str | None, *, version: str | None = None) -> str:
    """Return the path of a kind's collection; namespace None is all namespaces.

    `version` is one that the action names; None is what the server prefers. Raises PermanentTargetError where the
    server does not have it.
    """
    place = api_kind(kind)
    try:
        place, served = _served(connection, kind, place, version)
    except PermanentTargetError:
        if not connection.rediscover():
            raise
        place, served = _served(connection, kind, place, version)
    root = f"/apis/{place.group}/{served}" if place.group else f"/api/{served}"
    if place.namespaced and namespace is not None:
        return f"{root}/namespaces/{segment(namespace)}/{place.plural}"
    return f"{root}/{place.plural}"


def object_path(
    connection: Connection, kind: str, namespace: str | None, name: str, *, version: str | None = None
) -> str:
    """Return the path of one object."""
    return f"{list_path(connection, kind, namespace, version=version)}/{segment(name)}"


def _served(connection: Connection, kind: str, place: ApiKind, version: str | None) -> tuple[ApiKind, str]:
    """Return a kind's place and the version it is asked for in. Raises PermanentTargetError where there is none."""
    if is_custom(kind):
        place, version = _custom(connection, kind, place, version)
    return place, "v1" if place.group == "" else _version(connection, kind, place, version)


def _version(connection: Connection, kind: str, place: ApiKind, asked: str | None) -> str:
    settled = _SETTLED_VERSIONS.get(place.group)
    if settled is not None and asked in (None, settled):
        return settled
    served = connection.versions(place.group)
    if not served:
        raise PermanentTargetError(f"the cluster has no API group {place.group}, so no {kind}")
    if asked is not None and asked not in served:
        raise PermanentTargetError(
            f"the cluster does not have version {asked} of {place.group}, so no {kind} of it",
            hint=f"it has {', '.join(served)}; without a version {served[0]} is used",
        )
    if kind not in _SINCE:
        return asked or served[0]
    having = [version for version in served if _has(connection, place, version)]
    if asked not in (None, *having) or not having:
        where = f"{place.group}/{asked or served[0]}"
        raise PermanentTargetError(
            f"the cluster has no {kind} in {where}: {kind}s need Kubernetes {_SINCE[kind]} there",
            hint=f"leave the version out: the cluster has them in {place.group}/{having[0]}" if having else None,
        )
    return asked or having[0]


def canonical_kind(connection: Connection, kind: str, version: str | None) -> str:
    """Return the one name of a kind: a custom resource's is plural.group, however an action wrote it."""
    list_path(connection, kind, None, version=version)  # asks discovery anew where nothing is known of the kind
    return f"{_custom(connection, kind, api_kind(kind), version)[0].plural}.{api_kind(kind).group}"


def _custom(connection: Connection, kind: str, place: ApiKind, version: str | None) -> tuple[ApiKind, str]:
    """Ask discovery which resource is meant, by its plural, singular, kind or short name, and of which version.

    Raises PermanentTargetError where there is none, or it is cluster-scoped.
    """
    for served in connection.versions(place.group):
        if version not in (None, served):
            continue
        for found in connection.resources(place.group, served):
            names = {
                found["name"],
                found.get("singularName"),
                found["kind"].lower(),
                *(found.get("shortNames") or ()),
            }
            if place.plural not in names or "/" in found["name"]:
                continue
            if not found["namespaced"]:
                raise PermanentTargetError(
                    f"{kind} is cluster-scoped", hint="custom resources are changed inside namespaces only"
                )
            return ApiKind(place.group, found["name"]), served
    raise PermanentTargetError(
        f"the cluster has no {kind}{f' of version {version}' if version else ''}",
        hint="kubectl api-resources lists all",
    )


def _has(connection: Connection, place: ApiKind, version: str) -> bool:
    return any(resource["name"] == place.plural for resource in connection.resources(place.group, version))
