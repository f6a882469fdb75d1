"""What an extracted playbook is called."""

import re
from collections.abc import Mapping
from typing import Any

from countersign.texts import text

NAME_LIMIT = 120
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,118}[a-z0-9])?")
NAME_EXAMPLE = "high-latency-restart-deployment"
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER = re.compile(r"[^a-z0-9]+")


def name_for(alert: str, operation: Mapping[str, Any], *, apart: str = "") -> str:
    """Return a name such as kube-pod-crash-looping-restart-deployment; `apart` tells it from one that is taken."""
    words = _OTHER.sub("-", _HUMPS.sub("-", f"{alert} {' '.join(_what(operation))}").lower()).strip("-")
    ending = f"-{apart}" if apart else ""
    return (words[: NAME_LIMIT - len(ending)].strip("-") + ending).strip("-") or "playbook"


def title_for(alert: str, operation: Mapping[str, Any]) -> str:
    """Return a title for people."""
    return text("learning.title", alert=alert, what=" ".join(_what(operation)).replace("_", " "))


def _what(operation: Mapping[str, Any]) -> tuple[str, str]:
    did = str(operation.get("operation") or str(operation.get("tool", "")).removeprefix("ssh_"))
    return (did, str(operation.get("kind") or "on host"))
