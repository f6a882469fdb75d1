"""The order of a list after a strategic merge: what the patch names, as it names it, between what it doesn't.

apimachinery's strategicpatch (normalizeElementOrder, mergeSortedSlice): two elements that were both there keep their
order; a new one stands before those that the patch doesn't name.
"""

from collections.abc import Sequence
from typing import Any


def in_order(items: Sequence[Any], wanted: Sequence[Any], before: Sequence[Any], key: str | None) -> list[Any]:
    """Return `items` in the order that the patch's elements `wanted` and the list `before` the patch ask for."""

    def identity(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    asked = [identity(entry) for entry in wanted]
    known = [identity(entry) for entry in before]
    named = sorted((item for item in items if identity(item) in asked), key=lambda item: asked.index(identity(item)))
    others = [item for item in items if identity(item) not in asked]
    result: list[Any] = []
    while named and others:
        first, second = identity(others[0]), identity(named[0])
        stays = first in known and second in known and known.index(first) < known.index(second)
        result.append((others if stays else named).pop(0))
    return [*result, *named, *others]
