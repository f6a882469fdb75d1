"""What the API says of approvals, and what it accepts: typed, with examples that can be sent."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from countersign.records.outcomes import Outcome
from countersign.records.states import ApprovalStatus, RiskLevel, Start, Verdict, WhenBlocked
from countersign.web.api.words import Base64, Given, Hash, Moment, Text, Word


class NewRequest(Given):
    """A request to perform one action. Who requests it is whoever sends it."""

    action: Annotated[str, StringConstraints(max_length=20_000)] = Field(
        examples=["kubectl rollout restart deployment/api -n prod"]
    )
    description: Text = ""
    risk_level: RiskLevel = RiskLevel.MEDIUM
    required_signatures: Annotated[int, Field(ge=1, le=20)] = 1
    """The policy may ask for more."""
    blast_radius: dict[str, Any] = Field(default_factory=dict)
    incident_id: Word | None = None
    matched_playbook_id: Word | None = None
    expires_at: AwareDatetime | None = None
    not_before: AwareDatetime | None = None
    start: Start = Start.WHEN_APPROVED
    when_blocked: WhenBlocked = WhenBlocked.END
    metadata: dict[str, Any] = Field(default_factory=dict)
    cluster: Word | None = None
    as_is: bool = False
    """File it although its action cannot be read; it ends as a parse failure then."""


class SignatureView(BaseModel):
    """A decision that is on record."""

    signer: str
    decision: str
    comment: str
    at: datetime


class ApprovalView(BaseModel):
    """An approval as it stands. Secrets are masked."""

    id: UUID
    status: ApprovalStatus
    action: str
    description: str
    risk_level: RiskLevel
    requested_by: str
    required_signatures: int
    signed_by: list[str]
    """Who has approved it so far."""
    may_sign: list[str]
    """Whose signature would still count."""
    hash: str = Field(description="SHA-256 of everything that signatures bind; it changes with any of it")
    target: dict[str, Any] | None
    parameters: dict[str, Any] | None
    blast_radius: dict[str, Any]
    incident_id: str | None
    matched_playbook_id: str | None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    not_before: datetime | None
    start: Start
    when_blocked: WhenBlocked
    waiting_until: datetime | None
    waiting_reason: str | None
    reason: str | None = Field(description="why it was rejected, cancelled, or failed")
    outcome: str | None = Field(description="how its execution ended; null before")
    verdict: str | None = Field(description="what verification found; null before")
    rolled_back: bool = Field(description="whether what was executed was taken back")


class ApprovalSearch(BaseModel):
    """Which approvals are listed; all of them where nothing is said."""

    status: ApprovalStatus | None = None
    outcome: Outcome | None = None
    verdict: Verdict | None = None
    requester: Word | None = Field(default=None, description="in whatever case")
    since: Moment | None = Field(default=None, description="filed then or later")
    cursor: Word | None = Field(default=None, description="`next` of the page before")
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class Filed(BaseModel):
    """The approval that was filed, and what its action means."""

    approval: ApprovalView
    reading: dict[str, Any]
    selector: str | None = Field(default=None, description="the action's selector, which was resolved to names")
    selected: list[str] | None = Field(default=None, description="the names that it meant; they are what is signed")


class ApprovalPageView(BaseModel):
    """Approvals, newest first."""

    items: list[ApprovalView]
    next: str | None = Field(description="cursor of the next page; null at the end")


class SigningView(BaseModel):
    """What one signer signs to say this."""

    approval_id: UUID
    signer: str
    decision: Literal["approve", "reject"]
    hash: str
    content: dict[str, Any] = Field(description="everything that the hash is of")
    message: str = Field(description="the exact bytes to be signed, base64")


class NewSignature(Given):
    """A signature that was made elsewhere, over what `GET …/signing` returns."""

    decision: Literal["approve", "reject"]
    signer: Word
    algorithm: Literal["ed25519", "hmac-sha256", "webauthn"]
    key_id: Word = Field(examples=["ed25519:4f0c2a1b9d8e7f60718293a4b5c6d7e8"])
    value: Base64 = Field(description="base64")
    hash: Hash = Field(description="of what was shown; anything else is refused with changed_since")
    comment: Text = ""


class Reason(Given):
    """Why."""

    reason: Text = ""


class Execute(Given):
    """How to start it."""

    dry_run: bool = False
    confirm: Word = Field(default="", description="the last 8 characters of its id, where its risk is critical")


class Started(BaseModel):
    """A run was started; the approval's own outcome says what came of it."""

    approval_id: UUID
    flow_run_id: UUID
    dry_run: bool


class AnswerView(BaseModel):
    """One question of a run, and what would come of it now."""

    rule: str
    passed: bool
    reason: str
    hint: str | None = None
    until: str | None = None


class PreviewView(BaseModel):
    """What would happen now, as far as it can be told without sending anything."""

    runs: bool
    policy: str | None = Field(description="the policy that decided; null where there is none")
    answers: list[AnswerView]
    reading: dict[str, Any]
    targets: list[str] = Field(description="the exact objects")
    requests: list[dict[str, Any]] = Field(description="what would be sent, secrets masked")
    may_sign: list[str]


class EventView(BaseModel):
    """Something that happened, told for people."""

    seq: int
    at: datetime
    type: str
    status: str
    title: str
    description: str
    actor: str
    actor_role: str
