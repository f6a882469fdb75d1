"""A process that executes is lost at every point; the effect happens once, and the record says so."""

from collections.abc import Callable

from tests.faults.cells import Cell
from tests.faults.harness import Ground, play


def test_one_effect_and_the_truth_about_it(
    cell: Cell, ground: Ground, record_property: Callable[[str, object], None]
) -> None:
    record_property("job", cell.job.name)
    record_property("moment", cell.moment.name)
    played = play(cell, ground)
    record_property("recovered", played.recovered_seconds)
