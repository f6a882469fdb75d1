"""Whoever runs the steps after an execution is lost at every point: the rest follows, and nothing happens twice."""

from collections.abc import Callable

from tests.faults.steps.cells import Cell
from tests.faults.steps.harness import Desk, play


def test_everything_that_follows_follows_once(
    lost: Cell, desk: Desk, record_property: Callable[[str, object], None]
) -> None:
    record_property("kind", "step")
    record_property("row", lost.row)
    record_property("column", lost.scenario.name)
    record_property("recovered", play(lost, desk))
