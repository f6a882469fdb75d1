"""Pure: is an answer the API server's, and about what was asked for?

Gateways, load balancers and login pages answer too, with codes and JSON of their own. What a path names is what an
answer has to be about: an object of that kind, namespace and name, a list of that kind, or a Status that names the
object. Anything else says nothing about the cluster.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from countersign.actions.kinds import KINDS

_KIND_OF: Final = {
    ("apps", "controllerrevisions"): "ControllerRevision",
    ("", "events"): "Event",
    **{(kind.group, kind.plural): name for name, kind in KINDS.items()},
}
_SUBRESOURCE: Final = 2
"""Segments of a path behind an object's collection: its name and its subresource."""


@dataclass(frozen=True)
class Asked:
    """What a path is about."""

    api_version: str
    group: str
    resource: str
    """The plural, e.g. "deployments"."""
    namespace: str | None
    name: str | None
    """None: the whole collection."""

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.resource} {self.name}{where}" if self.name else f"{self.resource}{where}"

    @property
    def kind(self) -> str | None:
        """The kind, where it is one of the catalogue's."""
        return _KIND_OF.get((self.group, self.resource))


def asked_of(path: str, body: Any = None) -> Asked | None:
    """Return what `path` is about, None for discovery. A creation (`body`) is about the name it creates."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    name = rest[1] if len(rest) > 1 else None
    if name is None and isinstance(body, Mapping):
        name = (body.get("metadata") or {}).get("name")
    return Asked(f"{group}/{version}" if group else version, group, rest[0], namespace, name)


def doubt(asked: Asked, answer: Any) -> str | None:
    """Return why `answer` (of a 2xx, decoded) is not what was asked for, None where it is."""
    if not isinstance(answer, Mapping):
        return f"it is {_named(answer)} and no object"
    if answer.get("apiVersion") != asked.api_version:
        return f"its apiVersion is {answer.get('apiVersion')!r}, not {asked.api_version!r}"
    kind = answer.get("kind")
    if asked.name is None:
        return _doubt_of_list(asked, answer, kind)
    if not isinstance(kind, str) or kind != (asked.kind or kind):
        return f"its kind is {kind!r}, not {asked.kind!r}"
    return _doubt_of_metadata(asked, answer.get("metadata"))


def _doubt_of_list(asked: Asked, answer: Mapping[str, Any], kind: Any) -> str | None:
    wanted = f"{asked.kind}List" if asked.kind else None
    if not isinstance(kind, str) or not kind.endswith("List") or kind != (wanted or kind):
        return f"its kind is {kind!r}, not {wanted or 'a list'!r}"
    items = answer.get("items")
    if not isinstance(items, list):
        return "it has no list of items"
    for item in items:
        if not isinstance(item, Mapping) or (found := _doubt_of_metadata(asked, item.get("metadata"))):
            return f"an item of it is no object of that kind: {found if isinstance(item, Mapping) else _named(item)}"
    return None


def _doubt_of_metadata(asked: Asked, metadata: Any) -> str | None:
    if not isinstance(metadata, Mapping):
        return "it has no metadata"
    if not isinstance(metadata.get("name"), str) or not isinstance(metadata.get("uid"), str) or not metadata["uid"]:
        return "it has no name or no uid"
    if asked.name is not None and metadata["name"] != asked.name:
        return f"it is about {metadata['name']!r}"
    # A list over all namespaces names none, and an object of the cluster's own has none.
    placed = asked.name is not None or asked.namespace is not None
    if placed and (metadata.get("namespace") or None) != asked.namespace:
        return f"it is about the namespace {metadata.get('namespace')!r}"
    return None


def says_gone(asked: Asked | None, answer: Any) -> bool:
    """Return whether the answer of a 404 is the API server's, and says that this very object is not there."""
    if asked is None or asked.name is None or not _is_status(answer, "Failure") or answer.get("reason") != "NotFound":
        return False
    details = answer.get("details")
    if not isinstance(details, Mapping) or details.get("name") != asked.name:
        return False
    return details.get("kind") in (asked.resource, asked.kind) and details.get("group", "") in ("", asked.group)


def says_deleted(asked: Asked, uid: str, answer: Any) -> bool:
    """Return whether the answer to a DELETE says that this very object was deleted or is terminating."""
    if _is_status(answer, "Success"):
        details = answer.get("details")
        return isinstance(details, Mapping) and (details.get("name"), details.get("uid")) == (asked.name, uid)
    if doubt(asked, answer) is not None:
        return False
    metadata = answer["metadata"]
    return bool(metadata["uid"] == uid and metadata.get("deletionTimestamp"))


def is_status(answer: Any) -> bool:
    """Return whether an answer is a Status of the API machinery."""
    return isinstance(answer, Mapping) and answer.get("kind") == "Status" and answer.get("apiVersion") == "v1"


def _is_status(answer: Any, which: str) -> bool:
    return is_status(answer) and answer.get("status") == which


def _named(value: Any) -> str:
    return "null" if value is None else f"a {type(value).__name__}"


def groups_of(answer: Any) -> Iterator[tuple[str, tuple[str, ...]]] | None:
    """Yield the API groups and their versions, the preferred one first; None where it is no APIGroupList."""
    if not isinstance(answer, Mapping) or answer.get("kind") != "APIGroupList":
        return None
    return (_versions(group) for group in answer.get("groups") or () if isinstance(group, Mapping))


def resources_of(answer: Any) -> tuple[Mapping[str, Any], ...] | None:
    """Return what an APIResourceList lists; None where it is none."""
    if not isinstance(answer, Mapping) or answer.get("kind") != "APIResourceList":
        return None
    return tuple(
        found
        for found in answer.get("resources") or ()
        if isinstance(found, Mapping) and isinstance(found.get("name"), str) and isinstance(found.get("kind"), str)
    )


def _versions(group: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    preferred = (group.get("preferredVersion") or {}).get("version")
    found = [str(each.get("version")) for each in group.get("versions") or ()]
    return str(group.get("name")), tuple(sorted(found, key=lambda version: version != preferred))
