"""What trust is about: a playbook, or a kind of repair (alert x action x workload class)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

NO_ALERT = "-"
"""Stands for the alert of a request whose incident names none."""


def playbook_subject(playbook_id: UUID) -> str:
    """Return the subject of a playbook."""
    return f"playbook:{playbook_id}"


def steps_subject(playbook_id: UUID, steps_hash: str) -> str:
    """Return the subject of the steps that a version of a playbook says."""
    return f"steps:{playbook_id}/{steps_hash}"


def repair_subject(alert: str, operation: Mapping[str, Any]) -> str | None:
    """Return the subject of a kind of repair, None where nothing was to be repaired.

    `operation` is what the action reads to (countersign.actions.describe). The workload class is the kind of the
    objects, or "Host".
    """
    action = operation.get("operation") or operation.get("tool")
    if not action:
        return None
    return f"repair:{alert or NO_ALERT}/{action}/{operation.get('kind') or 'Host'}"
