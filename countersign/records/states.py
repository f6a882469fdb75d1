"""The words that status columns hold. The database checks the same lists (records/tables)."""

from enum import StrEnum


class ApprovalStatus(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    EXECUTING = "executing"
    EXECUTED = "executed"
    FAILED = "failed"


class Start(StrEnum):
    """Who starts an approval."""

    WHEN_APPROVED = "when_approved"
    """A worker, as soon as the last signature is there and `not_before` has come."""
    BY_HAND = "by_hand"
    """Whoever triggers it."""


class WhenBlocked(StrEnum):
    """What becomes of an approval that is refused for a reason that passes: a freeze, a limit, a held target."""

    END = "end"
    """It ends as blocked."""
    WAIT = "wait"
    """It waits, and is tried again until it expires."""


class RiskLevel(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Decision(StrEnum):
    """What a signer decided."""

    APPROVE = "approve"
    REJECT = "reject"


class EventStatus(StrEnum):
    """Colour of a timeline event."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"


class LogStatus(StrEnum):
    """Status of an operation log row; all but pending are final."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILED = "failed"
    DRY_RUN = "dry_run"
    ROLLED_BACK = "rolled_back"


class EntryKind(StrEnum):
    """What a journal entry tells."""

    INTENT = "intent"
    """Written before a step is sent."""
    ANSWER = "answer"
    """Written once it is known what became of the step."""


class Answer(StrEnum):
    """What became of a step that was sent."""

    LANDED = "landed"
    NOT_LANDED = "not_landed"
    UNCLEAR = "unclear"
    REFUSED = "refused"
    """The target said no and will say no again."""
    RETRY = "retry"
    """The target said not now; nothing happened."""
    NOT_SENT = "not_sent"
    """The request never left: the target was not reached, or the sender kept it back."""


class ResolutionResult(StrEnum):
    """What became of looking for the objects that an action names."""

    HIT = "hit"
    SUGGESTION = "suggestion"
    """Another spelling of the name was surely meant."""
    MISS = "miss"
    ERROR = "error"
    """The target could not be asked."""


class IncidentStatus(StrEnum):
    OPEN = "open"
    INVESTIGATING = "investigating"
    MITIGATING = "mitigating"
    RESOLVED = "resolved"
    CLOSED = "closed"


class DispositionKind(StrEnum):
    """Who let an execution happen."""

    HUMAN_APPROVED = "human_approved"
    AUTO_APPROVED = "auto_approved"


class RepairStatus(StrEnum):
    """Where the record of an execution that was approved by itself stands."""

    PENDING = "pending"
    RECORDED = "recorded"
    SKIPPED = "skipped"


class EvidencePhase(StrEnum):
    """When a snapshot of the target was taken."""

    BEFORE = "before"
    AFTER = "after"


class Verdict(StrEnum):
    """What verification found."""

    EFFECTIVE = "effective"
    INEFFECTIVE = "ineffective"
    WORSE = "worse"
    UNVERIFIABLE = "unverifiable"


class PlaybookStatus(StrEnum):
    DRAFT = "draft"
    APPROVED = "approved"
    DEPRECATED = "deprecated"


class VersionOrigin(StrEnum):
    """Where a version of a playbook comes from."""

    EXTRACTED = "extracted"
    MERGED = "merged"
    """Extracted, and so like the playbook that it became a version of it."""
    IMPORTED = "imported"


class PlaybookChangeKind(StrEnum):
    """What was done to a playbook."""

    CREATED = "created"
    VERSION_ADDED = "version_added"
    IMPORTED = "imported"
    APPROVED = "approved"
    """By a person."""
    PROMOTED = "promoted"
    """By what was learnt."""
    DEMOTED = "demoted"
    RESTORED = "restored"
    DEPRECATED = "deprecated"


class StepName(StrEnum):
    """The steps after an execution, in the order in which people read them."""

    NOTIFY = "notify"
    REPLY_ON_CARD = "reply_on_card"
    VERIFY = "verify"
    LEARN = "learn"
    ROLL_BACK = "roll_back"
    DEPOSIT_KNOWLEDGE = "deposit_knowledge"
    EXTRACT_PLAYBOOK = "extract_playbook"
    RECORD_DISPOSITION = "record_disposition"
    RESOLVE_INCIDENT = "resolve_incident"
    CLOSE_LOG = "close_log"


class StepStatus(StrEnum):
    """Where a step after the execution stands; the last three are final."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    DEAD = "dead"


class DeliveryStatus(StrEnum):
    """Where a channel's message about an execution stands."""

    PENDING = "pending"
    """Being sent, or its sender died."""
    SENT = "sent"
    FAILED = "failed"


class WebhookResult(StrEnum):
    """What became of sending an event to a webhook."""

    SENT = "sent"
    FAILED = "failed"
    """It is tried again."""
    DEAD = "dead"
    """It is not tried again by itself."""


class Grain(StrEnum):
    """How long each count of a trend is."""

    HOUR = "hour"
    DAY = "day"


class ChatService(StrEnum):
    """Whose chats."""

    SLACK = "slack"
    DISCORD = "discord"
    TELEGRAM = "telegram"


class ChatPurpose(StrEnum):
    """What a message in a chat is for."""

    APPROVAL = "approval"
    """It shows a request, and has the buttons."""
    REASON = "reason"
    """It asks one person why; the answer is their rejection."""


class ChatChoice(StrEnum):
    """What a click says."""

    APPROVE = "approve"
    REJECT = "reject"
    ASK = "ask"
    """That they want to reject, and have to be asked for the reason."""


class ClickResult(StrEnum):
    """What became of a click."""

    RECORDED = "recorded"
    """A signature is on record for it."""
    REFUSED = "refused"
    ASKED = "asked"
    """The reason is being asked for."""


class BreakGlassNews(StrEnum):
    """What channels are told of a break-glass."""

    BEGUN = "begun"
    CONFIRMED = "confirmed"
    ENDED = "ended"
