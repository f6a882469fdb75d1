"""What is put on the audit: requests filed, signed and refused, attempts that were refused, tampering."""

from typing import Final

from countersign.metrics.family import BOTH, Counter, Label

EVENTS: Final = Counter(
    "countersign_audit_events_total",
    "Rows that this process has put on the audit, by event (source:subject:action): approval:request:filed, "
    "approval:request:signed, …:refused, tampering:…",
    Label("event", most=200),
    where=BOTH,
)
