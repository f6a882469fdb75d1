"""How alike two templates are: the same shape, and nearly the same words."""

import re
from typing import Any

from countersign.actions import describe
from countersign.actions.rendering import operation_in
from countersign.errors import InvalidInput

VERY_SIMILAR = 0.7
"""Share of words that two templates have in common from which on one is a version of the other."""
_WORD = re.compile(r"[A-Za-z0-9_.]+")


def very_similar(one: str, other: str) -> bool:
    """Tell whether two actions do the same with the same kinds of parameters, and differ in little else.

    One that the grammar does not read is like no other.
    """
    try:
        same_shape = shape_of(one) == shape_of(other)
    except InvalidInput:
        return False
    return same_shape and likeness(one, other) >= VERY_SIMILAR


def shape_of(action: str) -> tuple[str, ...]:
    """Return what is done to what kind of thing, and the names of the parameters, without their values.

    Raises InvalidInput.
    """
    described = describe(operation_in(action))
    did = str(described.get("operation") or described.get("tool"))
    kinds = [str(described.get("kind") or "Host"), *(group["kind"] for group in described.get("also", ()))]
    return (did, *kinds, *sorted(_names(described["parameters"])))


def likeness(one: str, other: str) -> float:
    """Return the share of words that both have, of those that either has (Jaccard)."""
    words, others = set(_WORD.findall(one)), set(_WORD.findall(other))
    return len(words & others) / max(1, len(words | others))


def _names(parameters: Any, path: str = "") -> list[str]:
    """Return the paths of all keys. Containers stand for themselves: which one it is does not change the shape."""
    if not isinstance(parameters, dict):
        return []
    found: list[str] = []
    for key, value in parameters.items():
        here = f"{path}.{key}"
        found += [here] if path != ".images" else [".images"]
        found += _names(value, here)
    return found
