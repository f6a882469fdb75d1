"""Trust is a function of the set of observations: neither their order nor their repetition matters."""

from collections.abc import Sequence
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from math import floor, fsum
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from countersign.aftermath.learning.effects import effect_of
from countersign.aftermath.learning.standing import Demote, Rules, TakeBack, standing_of
from countersign.aftermath.learning.trust import (
    Trust,
    kept_since,
    read_trust,
    trust_from,
    wilson_lower_bound,
)
from countersign.records.database.engine import transaction
from countersign.records.outcomes import Outcome
from countersign.records.states import PlaybookStatus, Verdict
from countersign.records.trust import (
    UNIT,
    Observation,
    Tally,
    observations_of,
    observe,
    observed_subjects,
    tallies_of,
)
from tests.records.builders import owned

COUNTED = text("""
    SELECT period, effective, weight, runs FROM trust_tally
    WHERE half_life_seconds = :half_life AND subject = :subject AND runs > 0 ORDER BY period
""")
COUNTED_AGAIN = text("""
    SELECT term.period, CAST(sum(term.effective) AS bigint), CAST(sum(term.weight) AS bigint), count(*)
    FROM trust_observation AS seen, trust_term(seen, :half_life) AS term
    WHERE subject = :subject GROUP BY term.period ORDER BY term.period
""")
NOW = datetime(2026, 5, 1, tzinfo=UTC)
DAY = 86_400.0
HALF_LIFE = 30 * DAY
MOMENTS = st.floats(0, 400 * DAY).map(lambda seconds: NOW - timedelta(seconds=seconds))


def seen(execution: int, effect: float, weight: float = 1.0, *, at: datetime = NOW) -> Observation:
    return Observation(UUID(int=execution), effect, weight, "verdict", at)


OBSERVATIONS = st.lists(
    st.builds(
        Observation,
        st.integers(1, 8).map(lambda number: UUID(int=number)),
        st.floats(0, 1),
        st.sampled_from([0.3, 1.0, 2.0]),
        st.sampled_from(["verdict effective", "outcome success"]),
        MOMENTS,
    ),
    max_size=12,
)


def trust(observations: Sequence[Observation], *, now: datetime = NOW) -> Trust:
    return trust_from(tallied(observations), now=now, half_life_seconds=HALF_LIFE)


def that_count(observations: Sequence[Observation]) -> list[Observation]:
    """Of several of one execution the heaviest, of those the least favourable, then the latest."""
    ranked = sorted(observations, key=lambda one: (one.weight, -one.effect, one.at, one.basis))
    return list({one.execution_id: one for one in ranked}.values())


def tallied(observations: Sequence[Observation]) -> list[Tally]:
    """What the database counts, by the definition of a tally."""
    periods: dict[int, list[Observation]] = {}
    for one in that_count(observations):
        periods.setdefault(floor(one.at.timestamp() / HALF_LIFE), []).append(one)
    return [
        Tally(
            period,
            effective=sum(round(_scaled(one, period) * one.effect) for one in ones) / UNIT,
            weight=sum(round(_scaled(one, period)) for one in ones) / UNIT,
            runs=len(ones),
            last_at=max(one.at for one in ones),
        )
        for period, ones in sorted(periods.items())
    ]


def _scaled(one: Observation, period: int) -> float:
    return one.weight * UNIT * float(2.0 ** (one.at.timestamp() / HALF_LIFE - period))


@given(OBSERVATIONS, st.randoms(use_true_random=False), st.integers(0, 5))
@settings(deadline=None)
def test_order_and_repetition_change_no_digit(observations: list[Observation], random: object, again: int) -> None:
    shuffled = [*observations, *observations[:again]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert trust(shuffled) == trust(observations)


DISTINCT = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.3, 1.0, 2.0]), MOMENTS), min_size=1, max_size=7
).map(lambda runs: [seen(number, effect, weight, at=at) for number, (effect, weight, at) in enumerate(runs)])
RULES = Rules(promote_bound=0.6, demote_runs=3, demote_floor=0.1, half_life_seconds=HALF_LIFE)


def left_to_people(arriving: Sequence[Observation]) -> bool:
    """Judge a playbook after each run that arrives; return whether it is left to people in the end."""
    people_only = False
    for number, one in enumerate(arriving, start=1):
        known = arriving[:number]
        standing = standing_of(
            known,
            trust(known),
            arrived=one.execution_id,
            status=PlaybookStatus.APPROVED,
            people_only=people_only,
            restored_at=None,
            rules=RULES,
        )
        people_only = isinstance(standing, Demote) or (people_only and not isinstance(standing, TakeBack))
    return people_only


@given(DISTINCT.flatmap(lambda runs: st.tuples(st.just(runs), st.permutations(runs))))
@settings(max_examples=400, deadline=None)
@example(([seen(1, 1.0, at=NOW), seen(2, 0.0, 2.0, at=NOW)], [seen(2, 0.0, 2.0, at=NOW), seen(1, 1.0, at=NOW)]))
def test_who_runs_a_playbook_is_the_same_in_whatever_order_runs_are_learnt_from(
    runs: tuple[list[Observation], list[Observation]],
) -> None:
    first, second = runs
    in_time = sorted(first, key=lambda one: (one.at, str(one.execution_id)))
    assert left_to_people(first) is left_to_people(second) is left_to_people(in_time)


@given(DISTINCT, st.integers(1, 5))
def test_no_later_run_gives_a_playbook_back(runs: list[Observation], more: int) -> None:
    later = [seen(100 + number, 1.0, at=NOW + timedelta(days=number)) for number in range(1, more + 1)]
    assert left_to_people([*runs, *later]) is left_to_people(runs)


@given(OBSERVATIONS)
def test_mean_and_bound_are_shares_and_the_bound_is_below_the_share(observations: list[Observation]) -> None:
    found = trust(observations)
    assert 0 <= found.bound <= 1
    assert 0 < found.mean < 1
    if found.evidence > 0:
        assert found.bound <= (found.alpha - 1) / found.evidence + 1e-9


@given(OBSERVATIONS)
def test_an_effective_run_never_lowers_the_bound_and_an_ineffective_one_never_raises_it(
    observations: list[Observation],
) -> None:
    before = trust(observations).bound
    assert trust([*observations, seen(99, 1.0)]).bound >= before - 1e-12
    assert trust([*observations, seen(99, 0.0)]).bound <= before + 1e-12


@given(st.floats(0, 50), st.floats(0, 50), st.floats(0, 50))
def test_the_bound_rises_with_successes_and_falls_with_failures(won: float, lost: float, more: float) -> None:
    bound = wilson_lower_bound(won, won + lost)
    assert wilson_lower_bound(won + more, won + more + lost) >= bound - 1e-12
    assert wilson_lower_bound(won, won + lost + more) <= bound + 1e-12


@pytest.mark.parametrize(
    ("effective", "runs", "bound"),
    # Computed with the score interval's formula by hand, and compared with published tables of it.
    [(0, 0, 0.0), (1, 1, 0.2065), (5, 5, 0.5655), (6, 6, 0.6097), (9, 10, 0.5958), (0, 10, 0.0), (50, 100, 0.4038)],
)
def test_known_values_of_the_bound(effective: int, runs: int, bound: float) -> None:
    assert wilson_lower_bound(effective, runs) == pytest.approx(bound, abs=5e-5)


def test_after_a_half_life_an_observation_weighs_half() -> None:
    old = trust([seen(1, 1.0, at=NOW - timedelta(seconds=HALF_LIFE))])
    assert (old.alpha, old.beta) == pytest.approx((1.5, 1.0))
    assert old.bound < trust([seen(1, 1.0)]).bound


def test_without_observations_the_mean_is_even_and_the_bound_is_zero() -> None:
    assert (trust([]).mean, trust([]).bound, trust([]).runs) == (0.5, 0.0, 0)


def test_a_clock_that_runs_ahead_makes_nothing_heavier() -> None:
    ahead = trust([seen(1, 1.0, at=NOW + timedelta(days=3))])
    assert astuple(ahead) == pytest.approx(astuple(trust([seen(1, 1.0)])), abs=1e-7)


@pytest.mark.parametrize(
    ("outcome", "verdict", "effect", "weight"),
    [
        ("success", "effective", 1.0, 1.0),
        ("failed", "effective", 1.0, 1.0),
        ("success", "ineffective", 0.0, 1.0),
        ("success", "worse", 0.0, 2.0),
        ("success", "unverifiable", 1.0, 0.3),
        ("failed", "unverifiable", 0.0, 0.3),
        ("success", None, 1.0, 0.3),
        ("unknown", "effective", 1.0, 1.0),
    ],
)
def test_the_verdict_decides_and_the_outcome_only_where_there_is_none(
    outcome: str, verdict: str | None, effect: float, weight: float
) -> None:
    found = effect_of(Outcome(outcome), None if verdict is None else Verdict(verdict))
    assert found is not None
    assert (found.effect, found.weight) == (effect, weight)


@pytest.mark.parametrize("outcome", ["blocked", "no_action", "investigated", "cancelled", "parse_failure", "dry_run"])
def test_what_was_not_performed_shows_nothing(outcome: str) -> None:
    assert effect_of(Outcome(outcome), Verdict.EFFECTIVE) is None


def test_an_unknown_outcome_without_a_verdict_shows_nothing() -> None:
    assert effect_of(Outcome.UNKNOWN, Verdict.UNVERIFIABLE) is None


@pytest.fixture
def executions(engine: Engine) -> list[UUID]:
    return [owned(engine).execution_id for _ in range(8)]


@given(OBSERVATIONS)
def test_an_observation_weighs_half_as_much_after_each_half_life(observations: list[Observation]) -> None:
    found, counted = trust(observations), that_count(observations)
    weights = [one.weight * 0.5 ** ((NOW - one.at).total_seconds() / HALF_LIFE) for one in counted]
    assert found.evidence == pytest.approx(fsum(weights), abs=1e-7)
    effective = fsum(weight * one.effect for weight, one in zip(weights, counted, strict=True))
    assert found.alpha - 1 == pytest.approx(effective, abs=1e-7)
    assert found.runs == len(counted)


@given(OBSERVATIONS, st.randoms(use_true_random=False), st.integers(0, 4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_records_keep_the_same_rows_in_whatever_order_they_arrive(
    engine: Engine, executions: list[UUID], observations: list[Observation], random: object, again: int
) -> None:
    arrived = [replace(one, execution_id=executions[one.execution_id.int - 1]) for one in observations]
    shuffled = [*arrived, *arrived[:again]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = f"first:{uuid4()}", f"second:{uuid4()}"
    with transaction(engine) as session:
        for one in arrived:
            observe(session, first, one)
        for one in shuffled:
            observe(session, second, one)
        found = observations_of(session, [first, second], since=kept_since(NOW, HALF_LIFE))
        counted = tallies_of(session, [first, second], half_life_seconds=HALF_LIFE, first=0)
        again_counted = session.execute(COUNTED_AGAIN, {"half_life": HALF_LIFE, "subject": second}).all()
        kept = session.execute(COUNTED, {"half_life": HALF_LIFE, "subject": second}).all()
    assert found[first] == found[second] == sorted(that_count(arrived), key=lambda one: (one.at, one.execution_id))
    assert kept == again_counted
    assert [(one.period, one.runs) for one in counted[first] if one.runs] == [(row[0], row[3]) for row in kept]
    assert astuple(trust_from(counted[first], now=NOW, half_life_seconds=HALF_LIFE)) == pytest.approx(
        astuple(trust(arrived)), abs=1e-7
    )


def test_another_half_life_counts_all_that_was_observed(engine: Engine, executions: list[UUID]) -> None:
    with transaction(engine) as session:
        for number, execution in enumerate(executions):
            one = seen(0, 1.0, at=NOW - timedelta(days=number))
            observe(session, "repair:x", replace(one, execution_id=execution))
        for half_life in (HALF_LIFE, DAY, 7 * DAY, 2 * DAY):
            asked = {"half_life": half_life, "subject": "repair:x"}
            counted = read_trust(session, ["repair:x"], now=NOW, half_life_seconds=half_life)["repair:x"]
            assert counted.runs == len(executions)
            assert counted.evidence == pytest.approx(
                sum(0.5 ** (number * DAY / half_life) for number in range(len(executions))), abs=1e-6
            )
            assert session.execute(COUNTED, asked).all() == session.execute(COUNTED_AGAIN, asked).all()
        assert observed_subjects(session, half_life_seconds=2 * DAY, first=0) == ["repair:x"]
