"""Pure: the fields that a kind has, as far as the official client's models know them, for naming the nearest one.

The client may be older than the server, so a field that it does not know is only suspect: whether it exists is for
the server's answer to say.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from kubernetes.client import models

_INNER: Final = re.compile(r"(?:[Ll]ist|[Dd]ict)[\[(](?:str, )?(.+)[\])]")


@dataclass(frozen=True)
class UnknownField:
    """A name that is no field where it stands."""

    shown: str
    """E.g. "spec.replica"."""
    nearest: str | None
    """E.g. "spec.replicas"."""


def unknown_fields(patch: Any, *objects: Mapping[str, Any]) -> tuple[UnknownField, ...]:
    """Return the names in a merge or strategic patch that neither the kind's model nor any of `objects` has.

    The first object tells kind and apiVersion. () for a kind without a model: a custom resource.
    """
    first = objects[0]
    version = str(first.get("apiVersion", "")).rpartition("/")[2]
    model = _model(f"{version[:1].upper()}{version[1:]}{first.get('kind')}")
    return () if model is None else tuple(_unknown(patch, model, "", objects))


def _unknown(patch: Any, model: Any, at: str, objects: tuple[Any, ...]) -> Iterator[UnknownField]:
    if not isinstance(patch, Mapping):
        return
    types = {json: model.openapi_types[name] for name, json in model.attribute_map.items()}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        maps = [each for each in objects if isinstance(each, Mapping)]
        inside = tuple(each[key] for each in maps if each.get(key) is not None)
        here = f"{at}.{key}".lstrip(".")
        if key not in types:
            if not inside:
                known = {*types, *(str(name) for each in maps for name in each)}
                near = get_close_matches(key, known, n=1, cutoff=0.6)
                yield UnknownField(here, f"{at}.{near[0]}".lstrip(".") if near else None)
            continue
        kind, inner = types[key], _INNER.fullmatch(types[key])
        if inner is None:
            if (found := _model(kind)) is not None:
                yield from _unknown(value, found, here, inside)
        elif kind.lower().startswith("list") and isinstance(value, list) and (found := _model(inner[1])) is not None:
            items = tuple(item for each in inside if isinstance(each, list) for item in each)
            for item in value:
                yield from _unknown(item, found, here, items)


def _model(name: str) -> Any | None:
    found = getattr(models, name, None)
    return found if hasattr(found, "openapi_types") else None
