"""How long the parts of a run take, told from the points that it passes."""

from collections.abc import Iterator

from countersign.metrics.run_phases import RunPhases
from tests.metrics.numbers import Numbers, counted


def took(points: list[tuple[float, str]]) -> Numbers:
    """Return the seconds that were noted, by phase."""
    moments: Iterator[float] = iter(at for at, _ in points)
    told: list[str] = []
    run = RunPhases(told.append, now=lambda: next(moments))
    with counted() as added:
        for _, point in points:
            run(point)
    assert told == [point for _, point in points]
    name = 'countersign_phase_seconds_sum{phase="'
    return {key.removeprefix(name).rstrip('"}'): round(value, 6) for key, value in added.items() if name in key}


def test_a_run_with_two_requests() -> None:
    assert took(
        [
            (10, "claimed"),
            (11, "planned"),
            (13, "intent:1"),
            (14, "sent:1"),
            (15, "answered:1"),
            (16, "intent:2"),
            (20, "answered:2"),
            (26, "settled"),
        ]
    ) == {"plan": 1, "intend": 2, "effect": 7, "settle": 6, "claim_to_effect": 10, "claim_to_outcome": 16}


def test_a_run_that_is_refused_has_no_effect() -> None:
    assert took([(10, "claimed"), (12, "settled")]) == {"claim_to_outcome": 2}


def test_a_run_that_loses_its_execution_begins_again_with_its_next_claim() -> None:
    lost = [
        (10, "claimed"),
        (11, "planned"),
        (30, "intent:1"),
        (100, "claimed"),
        (104, "answered:1"),
        (105, "settled"),
    ]
    assert took(lost) == {"plan": 1, "intend": 19, "claim_to_effect": 4, "settle": 1, "claim_to_outcome": 5}


def test_a_run_that_never_claimed_is_not_timed() -> None:
    assert took([(10, "planned"), (12, "settled")]) == {}
