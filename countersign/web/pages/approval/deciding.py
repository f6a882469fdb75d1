"""Who has signed, who may, whether what was signed still is what the record holds, and what happens next."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from countersign.errors import Refused, Tampered
from countersign.execution.checks import verified_signatures
from countersign.execution.decisions import who_may_still_sign
from countersign.execution.filing import signed_content
from countersign.execution.services import Services
from countersign.execution.sign_screen import in_order
from countersign.policy.names import identity
from countersign.records.database.identifiers import short_id
from countersign.records.outcomes import Outcome
from countersign.records.states import ApprovalStatus, Decision, Start
from countersign.web.pages.approval.record import Told

OPEN: Final = frozenset({ApprovalStatus.PENDING, ApprovalStatus.APPROVED})
Say = Callable[..., str]


@dataclass(frozen=True)
class Deciding:
    """Everything about the signatures, for one person who looks."""

    given: int
    needed: int
    may_sign: tuple[str, ...]
    """Whose signature would count and is not there yet; empty once nobody is asked any more."""
    mine: bool
    """The one who looks is among them."""
    may_withdraw: bool
    hash: str
    """Of everything that signatures bind."""
    content: dict[str, Any]
    """What that is, in the order in which it is read."""
    standing: str
    """"unsigned", "verified", "lacking", "not_asked" (it is over) or "tampered"."""
    why: str
    """Where it is tampered with, or the signatures do not count: what was found."""


def deciding(services: Services, told: Told, *, who: str) -> Deciding:
    """Return what there is to say about the signatures to the person called `who`."""
    approval = told.approval
    is_open = approval.status in OPEN
    given = [row.signer for row in told.signatures if row.decision is Decision.APPROVE]
    decided = [row.signer for row in told.signatures]
    may: tuple[str, ...] = ()
    if approval.status is ApprovalStatus.PENDING:
        may = who_may_still_sign(services, approval, given=decided)
    content = signed_content(approval)
    standing, why = _verified(services, told, is_open=is_open)
    return Deciding(
        given=len(given),
        needed=approval.required_signatures,
        may_sign=may,
        mine=any(identity(name) == identity(who) for name in may),
        may_withdraw=is_open and identity(approval.requested_by) == identity(who),
        hash=content.hash,
        content=in_order(content.as_json()),
        standing=standing,
        why=why,
    )


def _verified(services: Services, told: Told, *, is_open: bool) -> tuple[str, str]:
    """Compare every signature with what the record holds now, by the run's own check."""
    if not told.signatures:
        return "unsigned", ""
    try:
        verified_signatures(services, told.approval)
    except Tampered as error:
        return "tampered", error.message
    except Refused as error:
        # Once it is over, today's policy is not what its signatures were counted by.
        return ("lacking", error.message) if is_open else ("not_asked", "")
    return "verified", ""


def next_of(told: Told, found: Deciding, say: Say) -> str:
    """Return in one sentence what the approval waits for now, and what would move it; empty once it is over."""
    approval = told.approval
    short = short_id(approval.id)
    match approval.status:
        case ApprovalStatus.PENDING:
            who = ", ".join(found.may_sign) or say("next.nobody")
            return say("next.signatures", given=found.given, needed=found.needed, who=who)
        case ApprovalStatus.APPROVED if approval.waiting_until is not None:
            return say("next.tried_again", reason=approval.waiting_reason or "")
        case ApprovalStatus.APPROVED if approval.start is Start.BY_HAND:
            return say("next.by_hand", id=short)
        case ApprovalStatus.APPROVED if approval.not_before is not None and approval.not_before > datetime.now(UTC):
            return say("next.at_its_time")
        case ApprovalStatus.APPROVED:
            return say("next.starts_now")
        case ApprovalStatus.EXECUTING:
            return say("next.executing")
    if told.row.outcome is Outcome.UNKNOWN:
        return say("next.find_out")
    return ""
