"""Rates and percentiles of what was counted."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.execution.trends import figures_of, lengths_of, moments_of
from countersign.records.outcomes import Outcome
from countersign.records.states import Grain, Verdict
from countersign.records.trends import PER_DOUBLING, Counts, Measure

AT = datetime(2026, 3, 1, tzinfo=UTC)


def counts(**of: dict[str, int]) -> Counts:
    return Counts(AT, {measure: of.get(measure.value, {}) for measure in Measure})


def test_rates_are_of_what_was_attempted_and_of_what_was_judged() -> None:
    one = counts(
        outcome={"human:success": 6, "auto:failed": 2, "auto:blocked": 5, "human:no_action": 3},
        verdict={"human:effective": 3, "auto:worse": 1, "auto:unverifiable": 9},
        rule={"freeze": 1, "rate": 4},
        retry={"human": 2, "auto": 1},
    )
    found = figures_of([one, counts(outcome={"human:unknown": 4})])
    assert found.success_rate == 6 / 12
    assert found.effective_rate == 3 / 4
    assert (found.executions, found.human, found.automatic) == (20, 13, 7)
    assert found.outcomes[Outcome.UNKNOWN] == 4
    assert found.verdicts[Verdict.UNVERIFIABLE] == 9
    assert list(found.rules.items()) == [("rate", 4), ("freeze", 1)]
    assert found.retries == 3


def test_without_anything_there_is_no_rate_and_no_length() -> None:
    found = figures_of([])
    assert (found.success_rate, found.effective_rate, found.to_effect.median_seconds) == (None, None, None)


@given(st.lists(st.integers(1, 10**8), min_size=1, max_size=60))
def test_percentiles_are_right_to_a_tenth(milliseconds: list[int]) -> None:
    steps: dict[str, int] = {}
    for took in milliseconds:
        name = str(next(step for step in range(200) if 2 ** ((step + 1) / PER_DOUBLING) > took))
        steps[name] = steps.get(name, 0) + 1
    found, ordered = lengths_of(steps), sorted(milliseconds)
    assert found.count == len(milliseconds)
    assert found.median_seconds == pytest.approx(ordered[(len(ordered) + 1) // 2 - 1] / 1000, rel=0.1)
    assert found.p95_seconds == pytest.approx(ordered[-(-95 * len(ordered) // 100) - 1] / 1000, rel=0.1)


@pytest.mark.parametrize(("grain", "number", "step"), [(Grain.HOUR, 24, 3600), (Grain.DAY, 30, 86400)])
def test_the_last_hour_or_day_is_that_of_now(grain: Grain, number: int, step: int) -> None:
    now = AT + timedelta(hours=5, minutes=59)
    moments = moments_of(grain, number, now)
    assert len(moments) == number
    assert timedelta(0) <= now - moments[-1] < timedelta(seconds=step)
    assert all((later - one).total_seconds() == step for one, later in pairwise(moments))
