"""What an object may contain: the official client's models, read as the API's schema.

The models are generated from Kubernetes' own OpenAPI document, so names, types and lists of fields are the real
ones. Merge keys are not in them; they stand in `patches/merge_keys.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from kubernetes.client import models

_LIST = re.compile(r"[Ll]ist\[(.+)\]$")
_MAP = re.compile(r"[Dd]ict\[str, (.+)\]$")
_FREE = {"object", "Any"}


@dataclass(frozen=True)
class Field:
    """One field of a model."""

    name: str
    type: str
    """A model's name, a scalar, "List[…]" or "Dict[str, …]"."""
    required: bool
    description: str


@cache
def fields_of(model: str) -> Mapping[str, Field]:
    """Return the fields of `model` by their names in JSON."""
    found = getattr(models, model)
    described = found.model_fields
    return {
        found.attribute_map[attribute]: Field(
            found.attribute_map[attribute],
            type_,
            attribute in described and described[attribute].is_required(),
            (attribute in described and described[attribute].description) or "",
        )
        for attribute, type_ in found.openapi_types.items()
    }


def description_of(model: str) -> str:
    """Return what the model says about itself: its docstring, without the part about the client."""
    return str(getattr(models, model).__doc__ or "").partition("\n\n")[0].strip()


@cache
def is_model(type_: str) -> bool:
    """True if the type is an object with fields of its own."""
    return element_of(type_) is None and type_ not in _FREE and type_[:1].isupper() and hasattr(models, type_)


@cache
def element_of(type_: str) -> tuple[str, str] | None:
    """Return ("list" or "map", type of the elements), or None for what has no elements."""
    if found := _LIST.match(type_):
        return "list", found.group(1)
    if found := _MAP.match(type_):
        return "map", found.group(1)
    return None
