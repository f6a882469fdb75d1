"""No order of events breaks a promise, and every order of events comes to an end."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Engine

from tests.model.machine import machine

EXAMPLES, STEPS = 60, 30


@pytest.mark.timeout(0)
def test_every_order_of_events_keeps_the_promises_and_comes_to_an_end(
    engine: Engine, pytestconfig: pytest.Config
) -> None:
    examples = pytestconfig.getoption("--examples", default=None)
    run_state_machine_as_test(
        machine(engine),
        settings=settings(
            max_examples=examples or EXAMPLES,
            stateful_step_count=2 * STEPS if examples else STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # A failing life of 30 steps is readable; shrinking it takes minutes on a real database.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        ),
    )
