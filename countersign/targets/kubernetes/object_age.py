"""Pure: is an answer older than what was seen before? Caches and proxies answer with what was once true.

resourceVersions of one object are counted upwards (KEP-5504: they may be compared as numbers; every server on etcd
made them so before it was promised). Where they are none, the generation tells of changes to the spec.
"""

from collections.abc import Mapping
from typing import Any


def is_older(metadata: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Return whether an object is older than `before`, which has its uid, resourceVersion and generation."""
    if (numbers := _numbers(metadata, before)) is not None:
        return numbers[0] < numbers[1]
    found, known = metadata.get("generation"), before.get("generation")
    return found is not None and known is not None and bool(found < known)


def is_newer(metadata: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Return whether an object was written after `before` was seen."""
    if (numbers := _numbers(metadata, before)) is not None:
        return numbers[0] > numbers[1]
    return metadata.get("resourceVersion") != before.get("resourceVersion") and not is_older(metadata, before)


def _numbers(metadata: Mapping[str, Any], before: Mapping[str, Any]) -> tuple[int, int] | None:
    texts = [str(each.get("resourceVersion") or "") for each in (metadata, before)]
    if not all(text.isascii() and text.isdigit() for text in texts):
        return None
    found, known = map(int, texts)
    return found, known
