"""From criteria to a verdict: one pure decision.

Worse outweighs ineffective, ineffective outweighs what could not be told, and effective takes that nothing speaks
against it. What is still under way when the time is over, and with which nothing is wrong, is unverifiable: calling
a slow rollout ineffective would teach the wrong thing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from countersign.records.states import Verdict
from countersign.targets.criteria import Criterion, Standing
from countersign.texts import text

REASONS_KEPT = 12


@dataclass(frozen=True)
class Judgement:
    """A verdict with the sentences that explain it, the weightiest first."""

    verdict: Verdict
    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()


# What outweighs what.
_WEIGHTS: tuple[tuple[Standing, Verdict], ...] = (
    (Standing.HARM, Verdict.WORSE),
    (Standing.FAILED, Verdict.INEFFECTIVE),
    (Standing.UNTOLD, Verdict.UNVERIFIABLE),
    (Standing.PENDING, Verdict.UNVERIFIABLE),
    (Standing.MET, Verdict.EFFECTIVE),
)


def judge(criteria: Sequence[Criterion]) -> Judgement:
    """Return the verdict of criteria that no later look will change."""
    notes = _reasons(criteria, Standing.NOTE)
    for standing, verdict in _WEIGHTS:
        if reasons := _reasons(criteria, standing):
            lighter = [
                reason
                for other, _ in _WEIGHTS
                if other not in (standing, Standing.MET)
                for reason in _reasons(criteria, other)
            ]
            return Judgement(verdict, (*reasons, *lighter)[:REASONS_KEPT], notes)
    return Judgement(Verdict.UNVERIFIABLE, (text("verify.nothing_to_ask"),), notes)


def decided(criteria: Sequence[Criterion], *, may_end_well: bool, steady: bool = False) -> bool:
    """Tell whether looking on is of no use.

    Something is wrong for good: yes. Everything is met: where the window `may_end_well` early, or where it has been
    `steady` for long enough and nothing is told beside (a container that was started again is). Worse is waited for
    where something ineffective might still turn out to be that.
    """
    standings = {each.standing for each in criteria}
    if any(each.final and each.standing is Standing.HARM for each in criteria):
        return True
    if any(each.final and each.standing is Standing.FAILED for each in criteria):
        return Standing.PENDING not in standings
    if steady and standings <= {Standing.MET}:
        return True
    return may_end_well and not standings & {Standing.PENDING}


def _reasons(criteria: Sequence[Criterion], standing: Standing) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.reason for each in criteria if each.standing is standing))
