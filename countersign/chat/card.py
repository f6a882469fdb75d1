"""What a message says of a request: what the sign screen shows, who has decided, who may, and its buttons.

Whoever cannot be shown all of what they sign is shown no button: a secret in it is masked, since everybody in the
chat reads it, and what a service has no room for is left out. They sign on the page, or with the command line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from countersign.chat.buttons import button_value
from countersign.execution.decisions import who_may_still_sign
from countersign.execution.filing import placed, reading_of, signed_content
from countersign.execution.services import Services
from countersign.execution.sign_screen import SignedField, fields_shown
from countersign.execution.wording import to_do
from countersign.masking import masked, masked_values
from countersign.policy.risk import RiskLevel
from countersign.records.database.identifiers import short_id
from countersign.records.states import ApprovalStatus, ChatChoice, ChatService, Decision
from countersign.records.tables import Approval, ChatMessage, Signature
from countersign.texts import text

MOST_DECIDED: Final = 10
_STATE: Final = 400
_COMMENT: Final = 100
"""Characters."""
OVER: Final = frozenset(ApprovalStatus) - {ApprovalStatus.PENDING, ApprovalStatus.APPROVED, ApprovalStatus.EXECUTING}
"""From these on a message is not changed any more."""


@dataclass(frozen=True)
class Button:
    """One button."""

    label: str
    value: str
    """What it carries."""


@dataclass(frozen=True)
class Card:
    """What a message says, before it is written as a service wants it. Texts are not escaped."""

    title: str
    state: str
    decided: Sequence[str]
    """A line for each decision."""
    fields: Sequence[SignedField]
    """What a signature binds."""
    hash: str
    language: str
    notes: Sequence[str] = ()
    link: str | None = None
    """The request's page."""
    approve: Button | None = None
    reject: Button | None = None

    @property
    def buttons(self) -> Sequence[Button]:
        """The buttons that it has."""
        return [each for each in (self.approve, self.reject) if each is not None]

    @property
    def head(self) -> Sequence[str]:
        """What stands above the fields, below the title."""
        return [self.state, *self.decided, *self.notes]

    @property
    def foot(self) -> str:
        """What stands below the fields."""
        return f"SHA-256: {self.hash}"

    def say(self, key: str, **values: object) -> str:
        """Return a text in the language of its chat."""
        return text(f"chat.{key}", language=self.language, **values)

    def shortened(self, count: int) -> "Card":
        """Return it with its first fields alone, and so without a button."""
        note = self.say("too_long")
        notes = self.notes if note in self.notes else [*self.notes, note]
        decided = self.decided if count else ()
        return replace(self, fields=self.fields[:count], decided=decided, approve=None, reject=None, notes=notes)


def card_of(
    services: Services, row: ChatMessage, approval: Approval, signatures: Sequence[Signature], *, now: datetime
) -> Card:
    """Return what the message of `row` has to say of its request at `now`."""
    language, content = row.language, signed_content(approval)
    whole = content.as_json()
    said: dict[str, Any] = masked_values(whole)
    reading: dict[str, Any] = masked_values(dict(placed(reading_of(approval.action), approval.target)))
    card = Card(
        title=f"{to_do(reading, language=language)} ({short_id(approval.id)})",
        state=_state(services, approval, signatures, language),
        decided=[_decided(each, language) for each in signatures[-MOST_DECIDED:]],
        fields=fields_shown(said, language=language),
        hash=content.hash,
        language=language,
        link=f"{services.settings.url}/approvals/{approval.id}" if services.settings.url else None,
    )
    if content.hash != row.content_hash:
        return replace(card, notes=[card.say("changed")])
    if approval.status is not ApprovalStatus.PENDING:
        return card
    if row.expires_at <= now:
        return replace(card, notes=[card.say("too_old")])
    if said != whole:
        return replace(card, notes=[card.say("has_secrets")])
    return _with_buttons(services, card, row, RiskLevel(approval.risk_level))


def _with_buttons(services: Services, card: Card, row: ChatMessage, risk: RiskLevel) -> Card:
    """Return the card with the buttons whose clicks could count."""
    rule = services.policy.chat
    if rule is None:
        return replace(card, notes=[card.say("counts_nowhere")])

    def button(choice: ChatChoice) -> Button:
        label = "approve" if choice is ChatChoice.APPROVE else "reject"
        return Button(card.say(f"button_{label}"), button_value(services.seal, row, choice))

    # Telegram has neither forms nor fields in messages: it is asked for the reason in the chat.
    reject = button(ChatChoice.ASK if row.service is ChatService.TELEGRAM else ChatChoice.REJECT)
    beside = rule.counts_beside(risk)
    if beside is None:
        risk_named = text(f"risk.{risk}", language=card.language)
        return replace(card, notes=[card.say("counts_not_at", risk=risk_named)], reject=reject)
    notes = [card.say("counts_beside", count=beside)] if beside else []
    return replace(card, notes=notes, approve=button(ChatChoice.APPROVE), reject=reject)


def _state(services: Services, approval: Approval, signatures: Sequence[Signature], language: str) -> str:
    status = text(f"approval_status.{approval.status}", language=language)
    if approval.status is not ApprovalStatus.PENDING:
        why = f": {masked(approval.rejection_reason)}" if approval.rejection_reason else ""
        return cut(f"{status}{why}", _STATE)
    given = sum(each.decision is Decision.APPROVE for each in signatures)
    may = who_may_still_sign(services, approval, given=[each.signer for each in signatures])
    who = ", ".join(may) or text("next.nobody", language=language)
    progress = text("next.signatures", language=language, given=given, needed=approval.required_signatures, who=who)
    return cut(f"{status}: {progress}", _STATE)


def _decided(row: Signature, language: str) -> str:
    comment = f": {cut(masked(row.comment), _COMMENT)}" if row.comment else ""
    return f"{cut(row.signer, _COMMENT)} {text(f'decision.{row.decision}', language=language)}{comment}"


def cut(value: str, most: int) -> str:
    """Return `value` with its end cut off where it is longer."""
    return value if len(value) <= most else f"{value[: most - 1]}…"
