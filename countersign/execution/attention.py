"""What needs a person now, each with its age and the one command to run.

`countersign status` and the dashboard's first page show what is found here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlmodel import Session

from countersign.masking import masked
from countersign.policy.signatures import FORM
from countersign.records.attention import Need, Needed, needed
from countersign.records.database.engine import clock
from countersign.records.database.identifiers import short_id
from countersign.texts import text

__all__ = ["Attention", "Need", "NeedsAttention", "needs_attention"]

Say = Callable[..., str]
OF_EACH_KIND = 20
"""More of one kind is one problem, and nobody reads on."""
LONGEST = 300
"""Characters of a reason: it is said whole where the command leads."""


@dataclass(frozen=True)
class NeedsAttention:
    """One thing that goes on only if a person does something."""

    need: Need
    subject: str
    """The approval's, execution's or letter's id, or the policy's version."""
    approval_id: UUID | None
    since: datetime
    age_seconds: float
    what: str
    """What it is about: an action, a version of the policy; secrets masked."""
    why: str
    """What is known of the reason; empty where there is nothing to add."""
    command: str
    """What to run; words in capitals are to be filled in."""
    label: str
    """The kind, for people."""


@dataclass(frozen=True)
class Attention:
    """Everything that needs a person, the most urgent first."""

    items: tuple[NeedsAttention, ...]
    more: tuple[Need, ...]
    """Kinds of which there are more than are returned."""


def needs_attention(session: Session, *, of_each: int = OF_EACH_KIND, language: str | None = None) -> Attention:
    """Return what needs a person now, at most `of_each` of every kind; reads few rows, however many there are.

    It is told in `language` (the setting by default).
    """
    say = partial(text, language=language)
    now = clock(session)
    items: list[NeedsAttention] = []
    more: list[Need] = []
    for need in Need:
        found = needed(session, need, form=FORM, limit=of_each + 1)
        items += [_told(need, each, now, say) for each in found[:of_each]]
        if len(found) > of_each:
            more.append(need)
    return Attention(tuple(items), tuple(more))


def _told(need: Need, found: Needed, now: datetime, say: Say) -> NeedsAttention:
    return NeedsAttention(
        need=need,
        subject=found.subject,
        approval_id=found.approval_id,
        since=found.since,
        age_seconds=max(0.0, (now - found.since).total_seconds()),
        what=_what(need, found, say),
        why=_clipped(_why(need, found, say)),
        command=_command(need, found),
        label=say(f"attention.{need}"),
    )


def _what(need: Need, found: Needed, say: Say) -> str:
    match need:
        case Need.KILL_SWITCH:
            return say("attention.nothing_starts")
        case Need.BREAK_GLASS:
            # Two people lift it, one only wants to.
            return say("attention.lifted" if found.given == found.needed else "attention.to_lift", what=found.action)
        case Need.POLICY:
            return say("attention.policy_version", number=found.subject)
        case _:
            action = masked(" ".join(found.action.split()))
            return say("attention.rollback_of", action=action) if found.is_rollback else action


def _why(need: Need, found: Needed, say: Say) -> str:
    match need:
        case Need.SIGNATURES:
            return say("attention.signed", given=found.given, needed=found.needed, requester=found.why)
        case Need.POLICY:
            return say("attention.signed_by_administrators", given=found.given, reason=masked(found.why))
        case Need.SILENT:
            return say("attention.worker", worker=found.why)
        case Need.BREAK_GLASS:
            seconds, begun, confirmed, reason = found.why.split("\n", 3)
            left = max(1, -(-int(seconds) // 60))
            who = f"{begun}, {confirmed}" if confirmed else begun
            return say("attention.minutes_left", minutes=left, who=masked(who), reason=masked(reason))
        case Need.OVERDUE_STEPS:
            return _listed(found.why.splitlines(), say)
        case Need.DEAD_LETTER:
            step, _, error = found.why.partition("\n")
            return f"{say(f'step_name.{step}')}: {masked(error)}"
        case _:
            return masked(found.why)


def _listed(steps: list[str], say: Say) -> str:
    return ", ".join(say(f"step_name.{step}") for step in steps)


def _command(need: Need, found: Needed) -> str:
    approval = short_id(found.approval_id) if found.approval_id is not None else ""
    match need:
        case Need.KILL_SWITCH:
            return "countersign kill-switch off --reason WHY"
        case Need.BREAK_GLASS if found.given == found.needed:
            return f"countersign break-glass end {found.subject} --reason WHY"
        case Need.BREAK_GLASS:
            return f"countersign break-glass confirm {found.subject}"
        case Need.UNKNOWN:
            # The approval names the execution that was approved; a rollback has to be named itself.
            named = found.subject if found.is_rollback else approval
            return f"countersign executions settle {named} --outcome success|failed --reason WHY"
        case Need.SILENT | Need.OVERDUE_STEPS:
            return "countersign reconcile"
        case Need.NOT_STARTED | Need.BY_HAND:
            return f"countersign approvals run {approval}"
        case Need.DEAD_LETTER:
            return f"countersign dead-letters replay {found.subject}"
        case Need.WORSE | Need.BLOCKED:
            return f"countersign approvals show {approval}"
        case Need.WAITING:
            return f"countersign policy explain {approval}"
        case Need.SIGNATURES:
            return f"countersign approvals sign {approval} --as NAME --key FILE"
        case Need.POLICY:
            return f"countersign policy sign {found.subject}"


def _clipped(said: str) -> str:
    said = " ".join(said.split())
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"
