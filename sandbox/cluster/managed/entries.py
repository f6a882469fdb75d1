"""metadata.managedFields: the fields of every manager, kept up to date by every write."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.cluster.managed.fieldsets import FieldSet, compare, from_fields_v1, to_fields_v1

UPDATE, APPLY = "Update", "Apply"


@dataclass(frozen=True, order=True)
class Manager:
    """Who writes, and how: each combination has its own entry."""

    operation: str
    name: str
    api_version: str
    subresource: str = ""


@dataclass
class Entry:
    """One manager's fields."""

    fields: FieldSet
    time: str
    """RFC 3339; empty for one that never changed the object itself."""


Entries = dict[Manager, Entry]


def read(metadata: Mapping[str, Any]) -> Entries:
    """Return the entries of an object's metadata."""
    found: Entries = {}
    for entry in metadata.get("managedFields") or ():
        if not entry.get("operation"):
            continue
        manager = Manager(
            entry["operation"], entry.get("manager", ""), entry.get("apiVersion", ""), entry.get("subresource", "")
        )
        found[manager] = Entry(from_fields_v1(entry.get("fieldsV1") or {}), entry.get("time", ""))
    return found


def write(entries: Entries) -> list[dict[str, Any]]:
    """Return entries as the API writes them: applied ones first, then by time."""
    ordered = sorted(entries.items(), key=lambda each: (each[0].operation, each[1].time, each[0].name))
    listed = []
    for manager, entry in ordered:
        one: dict[str, Any] = {
            "manager": manager.name, "operation": manager.operation, "apiVersion": manager.api_version,
            **({"time": entry.time} if entry.time else {}), "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(entry.fields),
        }  # fmt: skip
        if manager.subresource:
            one["subresource"] = manager.subresource
        listed.append(one)
    return listed


def is_reset(metadata: Mapping[str, Any]) -> bool:
    """True if a client asks, with one empty entry, that nobody owns anything any more."""
    return metadata.get("managedFields") == [{}]


def after_update(
    model: str, before: Mapping[str, Any], after: Mapping[str, Any], manager: Manager, time: str
) -> list[dict[str, Any]]:
    """Return managedFields after `manager` turned `before` into `after` by anything but an apply.

    What changed is the manager's alone; what went is nobody's.
    """
    difference = compare(model, before, after)
    known = before.get("metadata") or {}
    if not (difference.added or difference.changed or difference.removed):
        return list(known.get("managedFields") or ())
    entries = read(known)
    taken = difference.set
    for each in list(entries):
        left = entries[each].fields - difference.removed
        entries[each].fields = left if each == manager else left - taken
    if taken:
        mine = entries.get(manager)
        entries[manager] = Entry((mine.fields if mine else set()) | taken, time)
    return write({each: entry for each, entry in entries.items() if entry.fields})


def after_same_scale(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return managedFields after a scale to the present number: the number's owner owns it by /scale from then on.

    Nothing of the object changes, and yet its resourceVersion does, once (seen on 1.36).
    """
    entries, number = read(metadata), ("f:spec", "f:replicas")
    for manager in list(entries):
        if manager.operation == UPDATE and not manager.subresource and number in entries[manager].fields:
            entries[manager].fields -= {number}
            entries[Manager(UPDATE, manager.name, manager.api_version, "scale")] = Entry({number}, "")
    return write({each: entry for each, entry in entries.items() if entry.fields})
