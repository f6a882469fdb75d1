"""SQLModel tables of everything that Countersign remembers. The invariants are the database's own."""

from countersign.records.tables.approval import Approval, Signature
from countersign.records.tables.columns import Record
from countersign.records.tables.execution import Execution, JournalEntry, TargetHold
from countersign.records.tables.learning import EvidenceSnapshot, Incident, KnowledgeEntry, Playbook
from countersign.records.tables.ledger import DeadLetter, LedgerStep
from countersign.records.tables.rounds import ReconciliationPart
from countersign.records.tables.trail import (
    ControlChange,
    ControlSwitch,
    GatewayAudit,
    OperationLog,
    TimelineEvent,
)

__all__ = [
    "Approval",
    "ControlChange",
    "ControlSwitch",
    "DeadLetter",
    "EvidenceSnapshot",
    "Execution",
    "GatewayAudit",
    "Incident",
    "JournalEntry",
    "KnowledgeEntry",
    "LedgerStep",
    "OperationLog",
    "Playbook",
    "ReconciliationPart",
    "Record",
    "Signature",
    "TargetHold",
    "TimelineEvent",
]
