"""Paths of the API: which resource, object and subresource a URL names."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from sandbox.cluster.kinds import Kind, kind_at


@dataclass(frozen=True)
class Route:
    """A place under /api or /apis."""

    kind: Kind
    namespace: str | None
    """None is all namespaces, or a kind without."""
    name: str | None
    subresource: str

    @property
    def place(self) -> tuple[str, str]:
        """Namespace and name as they are stored."""
        return self.namespace or "", self.name or ""


def route(path: str, more: Callable[[], Iterable[Kind]]) -> Route | None:
    """Read a path; None if nothing is served there. `more` are kinds that are not built in."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    match parts:
        case ["api", "v1", *rest]:
            group, version = "", "v1"
        case ["apis", group, version, *rest]:
            pass
        case _:
            return None
    namespace = None
    if len(rest) >= 3 and rest[0] == "namespaces" and not (group == "" and rest[2] in ("status", "finalize")):
        namespace, rest = rest[1], rest[2:]
    if not rest or len(rest) > 3:
        return None
    kind = kind_at(group, version, rest[0]) or _among(more(), group, version, rest[0])
    if kind is None or (namespace is not None) > kind.namespaced:
        return None
    name = rest[1] if len(rest) > 1 else None
    if name is not None and kind.namespaced and namespace is None:
        return None
    subresource = rest[2] if len(rest) > 2 else ""
    if subresource and subresource not in kind.subresources:
        return None
    return Route(kind, namespace, name, subresource)


def _among(kinds: Iterable[Kind], group: str, version: str, plural: str) -> Kind | None:
    return next((each for each in kinds if (each.group, each.version, each.plural) == (group, version, plural)), None)
