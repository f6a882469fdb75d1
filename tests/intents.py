"""Intents for tests that send without a journal: each is made up, and good for one request as any other."""

from itertools import count
from uuid import UUID

from countersign.targets.model import Intent, Plan, Receipt, Step, Target

_ENTRIES = count(1)


def intent_of(step: Step) -> Intent:
    return Intent.of(step, execution_id=UUID(int=0), entry=next(_ENTRIES))


def apply(target: Target, plan: Plan, step: Step) -> Receipt:
    """Send one step, as if its intent were on record."""
    return target.apply(plan, step, intent_of(step))
