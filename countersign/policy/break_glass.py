"""Whether two people may lift limits, and what an open break-glass lifts for one request: pure decisions.

Everything is asked again each time, by the policy and the clock of that moment: who may no longer, or what the policy
no longer lets be lifted, lifts nothing from then on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from countersign.policy.access import Identity, Kind, Scope, may
from countersign.policy.break_glass_rule import BreakGlassRule, Lift
from countersign.policy.checks import Check
from countersign.policy.document import Policy
from countersign.policy.names import identity
from countersign.policy.operations import matches_any
from countersign.policy.risk import RiskLevel
from countersign.policy.roles import Permission
from countersign.texts import text


@dataclass(frozen=True)
class Wanted:
    """What is to be lifted, where, and for how long."""

    cluster: str
    """A cluster's name, or "hosts"."""
    lifts: tuple[Lift, ...]
    """At least one."""
    minutes: int
    namespace: str | None = None
    """None is all of the cluster."""
    operation: str | None = None
    """None is every operation that the policy allows."""
    up_to: RiskLevel = RiskLevel.CRITICAL

    @property
    def scope(self) -> Scope:
        """What roles are asked about."""
        return Scope(self.cluster, self.namespace, self.operation, self.up_to)

    def covers(self, scope: Scope) -> bool:
        """Tell whether a request with this scope is meant. What is not known of it is not covered."""
        return (
            scope.cluster == self.cluster
            and self.namespace in (None, scope.namespace)
            and self.operation in (None, scope.operation)
            and scope.risk is not None
            and self.up_to.covers(scope.risk)
        )


@dataclass(frozen=True)
class Opened:
    """A break-glass that two people have opened, as the record has it."""

    id: UUID
    wanted: Wanted
    reason: str
    begun_by: Identity
    confirmed_by: Identity
    ends_at: datetime


def why_not_wanted(policy: Policy, who: Identity, wanted: Wanted) -> str | None:
    """Return why `who` may have no part in lifting this, None where they may."""
    if who.kind is not Kind.PERSON:
        return text("break_glass.people_only", who=who.name)
    rule = policy.break_glass
    if rule is None:
        return text("break_glass.not_in_policy")
    if (why_not := _beyond(rule, wanted)) is not None:
        return why_not
    answer = may(policy, who, Permission.BREAK_GLASS, wanted.scope)
    return None if answer.allowed else answer.reason


def why_not_both(first: Identity, second: Identity) -> str | None:
    """Return why the two are not two people, None where they are. Names that look alike are one person's."""
    if identity(first.name) == identity(second.name):
        return text("break_glass.same_person", who=first.name)
    return None


def why_closed(policy: Policy, opened: Opened) -> str | None:
    """Return why the policy of this moment lets `opened` lift nothing any more, None where it does."""
    return (
        why_not_both(opened.begun_by, opened.confirmed_by)
        or why_not_wanted(policy, opened.begun_by, opened.wanted)
        or why_not_wanted(policy, opened.confirmed_by, opened.wanted)
    )


def is_liftable(check: Check) -> bool:
    """Tell whether a refusal is one that break-glass can lift."""
    return not check.passed and check.name.value in set(Lift)


def lift(
    policy: Policy, checks: Iterable[Check], opened: Sequence[Opened], scope: Scope, *, makers: Sequence[str]
) -> tuple[Check, ...]:
    """Return the checks, with refusals turned into passes that say by whom they were lifted.

    `makers` made the request: with four eyes on, none of them lifts a limit for it as the second person.
    """
    holding = [each for each in opened if each.wanted.covers(scope) and why_closed(policy, each) is None]
    if policy.four_eyes:
        own = set(map(identity, makers))
        holding = [each for each in holding if identity(each.confirmed_by.name) not in own]
    return tuple(_lifted(check, holding) if is_liftable(check) else check for check in checks)


def said_of(opened: Opened) -> str:
    """Return a clause about who has opened it."""
    return text(
        "break_glass.who", id=opened.id.hex[-8:], begun=opened.begun_by.name, confirmed=opened.confirmed_by.name
    )


def _lifted(check: Check, holding: Sequence[Opened]) -> Check:
    able = next((each for each in holding if check.name.value in each.wanted.lifts), None)
    if able is None:
        return check
    said = text("break_glass.lifted", who=said_of(able), reason=check.reason)
    return Check(check.name, True, said, lifted_by=able.id)


def _beyond(rule: BreakGlassRule, wanted: Wanted) -> str | None:
    """Return what of `wanted` is more than the policy lets be lifted, None where nothing is."""
    if more := [each for each in wanted.lifts if each not in rule.lifts]:
        return text("break_glass.lifts_more", lifts=", ".join(more), those=", ".join(rule.lifts))
    if not 1 <= wanted.minutes <= rule.longest_minutes:
        return text("break_glass.too_long", minutes=wanted.minutes, longest=rule.longest_minutes)
    for value, patterns in (
        (wanted.cluster, rule.clusters),
        (wanted.namespace, rule.namespaces),
        (wanted.operation, rule.operations),
    ):
        # All of a cluster, or every operation, is covered by a rule without limits alone.
        if not (matches_any(value, patterns) if value is not None else "*" in patterns):
            return text("break_glass.elsewhere", what=value or "*")
    if not rule.up_to.covers(wanted.up_to):
        return text("break_glass.too_grave", risk=wanted.up_to.value, up_to=rule.up_to.value)
    return None
