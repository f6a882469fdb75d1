"""Break-glass: two people lift limits of the policy for some minutes, in the sight of everybody.

One begins, another one confirms exactly what was begun, and its time runs from then. It ends with its time, by hand,
or as soon as the policy does not let both of them have it any more. What it lifts is asked before every intent, and
each limit that an execution gets past by it is on record before anything is sent.
"""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Engine
from sqlmodel import Session

from countersign.canonical import sha256_of
from countersign.errors import BreakGlassRefused, ChangedSince, InvalidInput, Tampered
from countersign.execution.access import Authenticated, shown_by
from countersign.execution.filing import signed_content
from countersign.execution.plan_seal import Seal
from countersign.execution.run_state import Known
from countersign.execution.scope import policy_for, scope_of
from countersign.execution.services import Services
from countersign.policy.access import Identity, Kind
from countersign.policy.break_glass import (
    Opened,
    Wanted,
    is_liftable,
    lift,
    why_closed,
    why_not_both,
    why_not_wanted,
)
from countersign.policy.break_glass_rule import Lift
from countersign.policy.checks import Check
from countersign.policy.document import Policy
from countersign.policy.names import identity, require_seen
from countersign.policy.risk import RiskLevel
from countersign.policy.signatures import utc_text
from countersign.records import break_glass, refusals, timeline
from countersign.records.database.engine import clock, transaction
from countersign.records.states import EventStatus
from countersign.records.states import RiskLevel as RecordedRisk
from countersign.records.tables import Approval, BreakGlass
from countersign.records.tables.break_glass import BREAK_GLASS_REASON_LIMIT
from countersign.texts import text

CONFIRM_WITHIN: Final = timedelta(minutes=10)
"""After it was begun. What nobody has confirmed by then lifts nothing."""
ITSELF: Final = "countersign"
_HINT: Final = "the policy says it: break_glass, and the role break_glass (docs/break-glass.md)"


def begin(
    session: Session, seal: Seal, policy: Policy, by: Authenticated, wanted: Wanted, *, reason: str
) -> BreakGlass:
    """Begin it. Nothing is lifted before somebody else confirms it. Raises BreakGlassRefused, InvalidInput."""
    require_seen(reason, field="reason", line_breaks=False)
    if not reason.strip() or len(reason) > BREAK_GLASS_REASON_LIMIT:
        raise InvalidInput(f"reason: between 1 and {BREAK_GLASS_REASON_LIMIT} characters are accepted")
    who = by.identity
    _require(why_not_wanted(policy, who, wanted))
    now = clock(session)
    row = BreakGlass(
        id=uuid4(),
        cluster=wanted.cluster,
        namespace=wanted.namespace,
        operation=wanted.operation,
        up_to=RecordedRisk(wanted.up_to),
        lifts=[each.value for each in Lift if each in wanted.lifts],
        minutes=wanted.minutes,
        reason=reason.strip(),
        begun_by=who.name,
        begun_key=identity(who.name),
        begun_groups=sorted(who.groups),
        begun_shown_by=shown_by(session, by),
        begun_at=now,
        confirm_until=now + CONFIRM_WITHIN,
        mac="",
    )
    row.mac = seal.of_break_glass(_begun_facts(row))
    break_glass.add(session, row)
    return row


def hash_of(row: BreakGlass) -> str:
    """Return SHA-256 over all that was begun: who confirms it says with it what they have seen."""
    return sha256_of(_begun_facts(row))


def confirm(
    session: Session, seal: Seal, policy: Policy, by: Authenticated, break_glass_id: UUID, *, seen: str
) -> BreakGlass:
    """Confirm it as another person, who has seen what has the hash `seen`. Its time runs from now.

    Raises NotFound, BreakGlassRefused, ChangedSince (it is not what was seen), Tampered (nor what was begun).
    """
    row = break_glass.find(session, break_glass_id)
    _require_genuine(row.mac, seal.of_break_glass(_begun_facts(row)), row)
    if hash_of(row) != seen:
        raise ChangedSince(f"Break-glass {row.id} is not what was seen.", hint="look at it again")
    who, begun = by.identity, _begun_by(row)
    _require(why_not_both(begun, who))
    _require(why_not_wanted(policy, begun, wanted_of(row)) or why_not_wanted(policy, who, wanted_of(row)))
    _require(_let_in_by_the_other(row, who, shown_by(session, by)))
    now = clock(session)
    made = _Confirmation(who.name, tuple(sorted(who.groups)), now, now + timedelta(minutes=row.minutes))
    done = break_glass.confirm(
        session,
        row.id,
        by=made.by,
        key=identity(made.by),
        groups=made.groups,
        at=made.at,
        ends_at=made.ends_at,
        mac=seal.of_break_glass(_confirmed_facts(row, made)),
    )
    if not done:
        raise BreakGlassRefused(text("break_glass.not_waiting"), hint=text("break_glass.begin_anew"))
    return break_glass.find(session, row.id)


def end(session: Session, break_glass_id: UUID, *, by: str, reason: str) -> BreakGlass:
    """End it, or take it back before it was confirmed; harmless once it has ended. Raises NotFound, InvalidInput."""
    require_seen(reason, field="reason", line_breaks=False)
    if not reason.strip():
        raise InvalidInput("reason: must not be empty")
    break_glass.find(session, break_glass_id)
    break_glass.end(session, break_glass_id, by=by, reason=reason.strip()[:BREAK_GLASS_REASON_LIMIT])
    return break_glass.find(session, break_glass_id)


def end_what_is_over(services: Services) -> int:
    """End those whose time is over and those that the policy of the moment closes; return how many were ended."""
    policy = services.reread_policy()
    ended = 0
    with transaction(services.engine) as session:
        for each in break_glass.over(session):
            ended += break_glass.end(session, each, by=ITSELF, reason=text("break_glass.time_is_over"))
        for row in break_glass.open_now(session):
            if (why := _why_closed(services, policy, row)) is not None:
                ended += break_glass.end(session, row.id, by=ITSELF, reason=why[:BREAK_GLASS_REASON_LIMIT])
    return ended


def lifted(services: Services, approval: Approval, checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return the policy's answers about `approval`, with refusals that are lifted at this moment as passes.

    `services` have the policy of this moment. The records are asked only where a refusal can be lifted.
    """
    answers = tuple(checks)
    policy = services.policy
    if policy.break_glass is None or not any(map(is_liftable, answers)):
        return answers
    with transaction(services.engine) as session:
        rows = break_glass.open_now(session)
    opened = [_opened(row) for row in rows if _is_genuine(services, row)]
    makers = signed_content(approval).makers
    return lift(policy_for(services, approval), answers, opened, scope_of(approval), makers=makers)


def note_uses(engine: Engine, known: Known, answers: Iterable[Check]) -> None:
    """Put on record which of `answers` pass by a break-glass alone, each once, and keep it for the report."""
    used = put_uses_on_record(engine, known.approval, known.owned.execution_id, answers)
    known.break_glass = tuple(dict.fromkeys((*known.break_glass, *used)))


def put_uses_on_record(
    engine: Engine, approval: Approval, execution_id: UUID, answers: Iterable[Check]
) -> tuple[str, ...]:
    """Put on record which of `answers` pass by a break-glass alone, each once; return what is said of each."""
    by_it = [(each, each.lifted_by) for each in answers if each.lifted_by is not None]
    if not by_it:
        return ()
    with transaction(engine) as session:
        for each, opened in by_it:
            if break_glass.note_use(
                session,
                opened,
                approval_id=approval.id,
                execution_id=execution_id,
                lift=each.name.value,
                said=each.reason,
            ):
                timeline.add_event(
                    session,
                    approval_id=approval.id,
                    incident_id=approval.incident_id,
                    type="break_glass_used",
                    status=EventStatus.WARNING,
                    title=text("timeline.break_glass_used", limit=text(f"check.{each.name.value}")),
                    description=each.reason,
                    actor=ITSELF,
                    actor_role="executor",
                )
    return tuple(each.reason for each, _ in by_it)


def wanted_of(row: BreakGlass) -> Wanted:
    """Return what a row lifts, where, and for how long."""
    return Wanted(
        cluster=row.cluster,
        lifts=tuple(map(Lift, row.lifts)),
        minutes=row.minutes,
        namespace=row.namespace,
        operation=row.operation,
        up_to=RiskLevel(row.up_to),
    )


def _begun_by(row: BreakGlass) -> Identity:
    return Identity(row.begun_by, Kind.PERSON, groups=frozenset(row.begun_groups))


def _opened(row: BreakGlass) -> Opened:
    made = _confirmation_of(row)
    return Opened(
        id=row.id,
        wanted=wanted_of(row),
        reason=row.reason,
        begun_by=_begun_by(row),
        confirmed_by=Identity(made.by, Kind.PERSON, groups=frozenset(made.groups)),
        ends_at=made.ends_at,
    )


def _why_closed(services: Services, policy: Policy, row: BreakGlass) -> str | None:
    if not _is_genuine(services, row):
        return text("break_glass.not_genuine")
    return why_closed(policy, _opened(row))


def _is_genuine(services: Services, row: BreakGlass) -> bool:
    """Tell whether a row is as it was begun and confirmed; the audit is told of one that is not."""
    try:
        seal, made = services.seal, _confirmation_of(row)
        _require_genuine(row.mac, seal.of_break_glass(_begun_facts(row)), row)
        _require_genuine(row.confirmed_mac or "", seal.of_break_glass(_confirmed_facts(row, made)), row)
    except Tampered as error:
        refusals.tell(services.engine, error)
        return False
    return True


def _let_in_by_the_other(row: BreakGlass, who: Identity, who_shown_by: str | None) -> str | None:
    """Return why the two may be one person: one of them made the token or the link that let the other one in."""
    for maker, other in ((who_shown_by, row.begun_by), (row.begun_shown_by, who.name)):
        if maker is not None and identity(maker) == identity(other):
            return text("break_glass.let_in_by", who=other)
    return None


def _require(why_not: str | None) -> None:
    if why_not is not None:
        raise BreakGlassRefused(f"{why_not}.", hint=_HINT)


def _require_genuine(mac: str, expected: str, row: BreakGlass) -> None:
    if not hmac.compare_digest(mac, expected):
        raise Tampered(
            f"The record of break-glass {row.id} is not as it was made.",
            hint="it lifts nothing; find out who writes to the database",
            of="break_glass",
        )


def _begun_facts(row: BreakGlass) -> Mapping[str, Any]:
    return {
        "break_glass": str(row.id),
        "cluster": row.cluster,
        "namespace": row.namespace,
        "operation": row.operation,
        "up_to": row.up_to.value,
        "lifts": list(row.lifts),
        "minutes": row.minutes,
        "reason": row.reason,
        "begun_by": row.begun_by,
        "begun_groups": list(row.begun_groups),
        "begun_shown_by": row.begun_shown_by,
        "begun_at": utc_text(row.begun_at),
        "confirm_until": utc_text(row.confirm_until),
    }


@dataclass(frozen=True)
class _Confirmation:
    by: str
    groups: tuple[str, ...]
    at: datetime
    ends_at: datetime


def _confirmation_of(row: BreakGlass) -> _Confirmation:
    assert row.confirmed_by is not None
    assert row.confirmed_at is not None
    assert row.ends_at is not None
    return _Confirmation(row.confirmed_by, tuple(row.confirmed_groups or ()), row.confirmed_at, row.ends_at)


def _confirmed_facts(row: BreakGlass, made: _Confirmation) -> Mapping[str, Any]:
    return {
        **_begun_facts(row),
        "confirmed_by": made.by,
        "confirmed_groups": list(made.groups),
        "confirmed_at": utc_text(made.at),
        "ends_at": utc_text(made.ends_at),
    }
