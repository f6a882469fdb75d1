"""Conditions of a status: one of each type, with the moment in which it last turned."""

from typing import Any

from sandbox.cluster.store import now


def condition(
    known: list[dict[str, Any]] | None, kind: str, status: bool, reason: str, message: str, **more: Any
) -> list[dict[str, Any]]:
    """Return the conditions with one set; lastTransitionTime moves only with the status."""
    before = next((each for each in known or () if each["type"] == kind), None)
    value = "True" if status else "False"
    moved = before is None or before["status"] != value
    if before is not None and not moved and before.get("reason") == reason and before.get("message") == message:
        return list(known or ())
    fresh = {
        "type": kind, "status": value, "reason": reason, "message": message,
        "lastTransitionTime": now() if moved or before is None else before["lastTransitionTime"], **more,
    }  # fmt: skip
    return [*(each for each in known or () if each["type"] != kind), fresh]
