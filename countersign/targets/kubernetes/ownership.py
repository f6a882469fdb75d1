"""Pure: who wrote a field last, by managedFields (the API server keeps them for every writer, by field manager)."""

import json
from collections.abc import Iterable, Mapping
from typing import Any


def written_by(live: Mapping[str, Any], manager: str, ats: Iterable[str]) -> bool | None:
    """Return whether `manager` wrote one of these fields (stable names, see change.py) last.

    None where it cannot be told: the server keeps no managedFields, or there are only removals to ask about.
    """
    entries = live["metadata"].get("managedFields")
    ats = list(ats)
    if not entries or not ats:
        return None
    theirs = [entry.get("fieldsV1") or {} for entry in entries if entry.get("manager") == manager]
    return any(_owns(fields, at.split("/")[1:]) for fields in theirs for at in ats)


def _owns(fields: Mapping[str, Any], parts: list[str]) -> bool:
    """Walk down; a set without members owns everything below it (an atomic list or map)."""
    node: Mapping[str, Any] = fields
    for part in parts:
        if part.startswith("[name="):
            name = part[len("[name=") : -1].replace("~1", "/").replace("~0", "~")
            inner = next((node[key] for key in node if key.startswith("k:") and _names(key, name)), None)
        else:
            inner = node.get(f"f:{part.replace('~1', '/').replace('~0', '~')}")
        if inner is None:
            return not node and fields is not node
        node = inner
    return True


def _names(key: str, name: str) -> bool:
    try:
        return bool(json.loads(key[2:]).get("name") == name)
    except ValueError:
        return False
