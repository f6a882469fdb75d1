"""Lists: selection by labels and fields, and pages."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.cluster.kinds import Kind
from sandbox.cluster.selectors import Predicate, field_selector, label_selector
from sandbox.cluster.status import StatusError, bad_request
from sandbox.cluster.store import Object, Store
from sandbox.cluster.versions import served


@dataclass(frozen=True)
class Page:
    """Part of a list."""

    items: list[dict[str, Any]]
    resource_version: str
    next: str | None
    remaining: int

    @property
    def metadata(self) -> dict[str, Any]:
        """The list's metadata."""
        found: dict[str, Any] = {"resourceVersion": self.resource_version}
        if self.next:
            found |= {"continue": self.next, "remainingItemCount": self.remaining}
        return found


def selection(kind: Kind, query: Mapping[str, str]) -> Predicate:
    """Return the test that `labelSelector` and `fieldSelector` ask for. Raises StatusError 400."""
    by_labels = label_selector(query.get("labelSelector", ""))
    by_fields = field_selector(kind, query.get("fieldSelector", ""))
    return lambda item: by_labels(item) and by_fields(item)


def page(store: Store, kind: Kind, namespace: str | None, query: Mapping[str, str]) -> Page:
    """Return the page that `limit` and `continue` ask for. Raises StatusError."""
    wanted = selection(kind, query)
    found: list[Object] = [item for item in store.list(kind.resource, namespace) if wanted(item)]
    version = str(store.version)
    if token := query.get("continue"):
        version, after = _read_token(token)
        found = [item for item in found if _place(item) > after]
    limit = number(query, "limit")
    rest = found[limit:] if limit else []
    shown = found[:limit] if limit else found
    token = _token(version, _place(shown[-1])) if rest else None
    items = [served(kind, item) for item in shown]
    return Page(items, version, token, len(rest))


def _place(item: Object) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _token(version: str, place: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps([version, *place]).encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[str, tuple[str, str]]:
    try:
        version, namespace, name = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError:
        raise bad_request(f"continue key is not valid: {token}") from None
    return str(version), (str(namespace), str(name))


def number(query: Mapping[str, str], name: str) -> int:
    """Return a whole number of the query, 0 without one. Raises StatusError 400."""
    text = query.get(name) or "0"
    if not text.lstrip("-").isdigit():
        raise bad_request(f'{name}: strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def unsupported_version(text: str) -> StatusError:
    """400: a resourceVersion that is no number."""
    return bad_request(
        f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
    )
