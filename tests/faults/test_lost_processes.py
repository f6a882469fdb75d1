"""A process that executes is lost at every point; the effect happens once, and the record says so."""

from collections.abc import Callable

from tests.faults.cells import Cell
from tests.faults.ground import Ground
from tests.faults.harness import play


def test_one_effect_and_the_truth_about_it(
    cell: Cell, ground: Ground, record_property: Callable[[str, object], None]
) -> None:
    record_property("kind", "process")
    record_property("row", cell.moment.name)
    record_property("column", cell.job.name)
    played = play(cell, ground)
    record_property("recovered", played.recovered_seconds)
    record_property("outcome", played.outcome)
