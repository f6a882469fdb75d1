"""What a run has learned so far; the report is made from it, whatever phase the run ended in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from countersign.actions.operation import Reading
from countersign.policy.checks import Check
from countersign.records.owned import Owned
from countersign.records.policy_versions import PolicyMark
from countersign.records.tables import Approval
from countersign.targets.kubernetes.investigate import Evidence
from countersign.targets.model import Finding, Plan, Resolution, Snapshot


@dataclass
class Known:
    """Filled in phase by phase."""

    approval: Approval
    owned: Owned
    taken_over: bool = False
    """Another worker had this execution before."""
    reading: Reading | None = None
    description: Mapping[str, Any] = field(default_factory=dict)
    """The reading as JSON values (countersign.actions.describe)."""
    policy: PolicyMark | None = None
    """By which policy it was decided."""
    signers: tuple[str, ...] = ()
    checks: list[Check] = field(default_factory=list)
    break_glass: tuple[str, ...] = ()
    """A sentence for each limit that it got past by break-glass."""
    resolution: Resolution | None = None
    plan: Plan | None = None
    findings: tuple[Finding, ...] = ()
    before: Snapshot | None = None
    evidence: Evidence | None = None
    attempts: int = 0
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
