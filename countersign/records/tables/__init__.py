"""SQLModel tables of everything that Countersign remembers. The invariants are the database's own."""

from countersign.records.tables.access import AccessToken, AnsweredRequest, LoginCode, WebSession
from countersign.records.tables.approval import Approval, Signature
from countersign.records.tables.archive import ArchiveFile
from countersign.records.tables.audit import AuditCheckpoint, AuditEvent, AuditLeaf, AuditTile
from countersign.records.tables.break_glass import BreakGlass, BreakGlassNotice, BreakGlassUse
from countersign.records.tables.chat import ChatClick, ChatMessage
from countersign.records.tables.columns import Record
from countersign.records.tables.delivery import Delivery
from countersign.records.tables.execution import Execution, JournalEntry, TargetHold
from countersign.records.tables.incident import AutoRepair, Disposition, DispositionTally, Incident
from countersign.records.tables.knowledge import KnowledgeEntry
from countersign.records.tables.learning import EvidenceSnapshot
from countersign.records.tables.ledger import DeadLetter, LedgerStep
from countersign.records.tables.playbook import (
    Playbook,
    PlaybookChange,
    PlaybookVersion,
    TrustHalfLife,
    TrustObservation,
    TrustTally,
)
from countersign.records.tables.policy import PolicySignatureRow, PolicyVersionRow
from countersign.records.tables.rounds import ReconciliationPart, ResolutionTotal
from countersign.records.tables.trail import (
    ControlChange,
    ControlSwitch,
    GatewayAudit,
    OperationLog,
    TimelineEvent,
)
from countersign.records.tables.trend import Trend, TrendCounted
from countersign.records.tables.webhooks import Webhook, WebhookDelivery, WebhookSource

__all__ = [
    "AccessToken",
    "AnsweredRequest",
    "Approval",
    "ArchiveFile",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditLeaf",
    "AuditTile",
    "AutoRepair",
    "BreakGlass",
    "BreakGlassNotice",
    "BreakGlassUse",
    "ChatClick",
    "ChatMessage",
    "ControlChange",
    "ControlSwitch",
    "DeadLetter",
    "Delivery",
    "Disposition",
    "DispositionTally",
    "EvidenceSnapshot",
    "Execution",
    "GatewayAudit",
    "Incident",
    "JournalEntry",
    "KnowledgeEntry",
    "LedgerStep",
    "LoginCode",
    "OperationLog",
    "Playbook",
    "PlaybookChange",
    "PlaybookVersion",
    "PolicySignatureRow",
    "PolicyVersionRow",
    "ReconciliationPart",
    "Record",
    "ResolutionTotal",
    "Signature",
    "TargetHold",
    "TimelineEvent",
    "Trend",
    "TrendCounted",
    "TrustHalfLife",
    "TrustObservation",
    "TrustTally",
    "WebSession",
    "Webhook",
    "WebhookDelivery",
    "WebhookSource",
]
