"""What an execution shows: one pure decision from the verdict, and where there is none, from the outcome.

A verdict was looked up on the target; an outcome only says that the target accepted the request. So a verdict decides
alone where there is one, and an outcome weighs less.
"""

from dataclasses import dataclass
from typing import assert_never

from countersign.records.outcomes import Outcome
from countersign.records.states import Verdict

VERDICT_WEIGHT = 1.0
WORSE_WEIGHT = 2.0
"""Harm has to be made up for twice."""
OUTCOME_WEIGHT = 0.3


@dataclass(frozen=True)
class Effect:
    """How effective a run was, and how much that says."""

    effect: float
    """1 is effective, 0 is not."""
    weight: float
    basis: str
    """"verdict …" or "outcome …", as observations keep it."""


def effect_of(outcome: Outcome, verdict: Verdict | None) -> Effect | None:
    """Return what the run shows, None where it shows nothing: nothing was performed, or nobody can tell."""
    if outcome not in (Outcome.SUCCESS, Outcome.FAILED, Outcome.UNKNOWN):
        return None
    match verdict:
        case Verdict.EFFECTIVE:
            return Effect(1.0, VERDICT_WEIGHT, "verdict effective")
        case Verdict.INEFFECTIVE:
            return Effect(0.0, VERDICT_WEIGHT, "verdict ineffective")
        case Verdict.WORSE:
            return Effect(0.0, WORSE_WEIGHT, "verdict worse")
        case Verdict.UNVERIFIABLE | None:
            return _from_outcome(outcome)
        case _:
            assert_never(verdict)


def _from_outcome(outcome: Outcome) -> Effect | None:
    if outcome is Outcome.UNKNOWN:
        return None
    return Effect(1.0 if outcome is Outcome.SUCCESS else 0.0, OUTCOME_WEIGHT, f"outcome {outcome.value}")
