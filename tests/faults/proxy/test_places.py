"""The matrix has every operation of the catalogue, and every request that an execution of it sends."""

import pytest

from countersign.actions.catalogue import CATALOGUE
from countersign.actions.operation import PatchType
from tests.faults.proxy.cells import representative, whole_matrix
from tests.faults.proxy.faults import LASTING, OF_READS, OF_WRITES, OPENINGS
from tests.faults.proxy.harness import Arena, play
from tests.faults.proxy.jobs import JOBS, Job
from tests.faults.proxy.places import inspections_of, reads_of, writes_of


def test_every_operation_of_the_catalogue_has_a_row() -> None:
    assert {job.verb for job in JOBS} == {entry.verb for entry in CATALOGUE}
    assert {job.patch_type for job in JOBS} - {None} == set(PatchType)


def test_every_fault_operation_and_request_is_met_in_every_test_run() -> None:
    chosen, whole = list(representative()), list(whole_matrix())
    assert len(whole) >= 400
    assert {cell.name for cell in chosen} <= {cell.name for cell in whole}
    assert {cell.fault.form for cell in chosen} == {fault.form for fault in (*OF_READS, *OF_WRITES, *LASTING)}
    assert {cell.job.name for cell in chosen} == {job.name for job in JOBS}
    assert {str(cell.place) for cell in chosen} == {str(cell.place) for cell in whole}


@pytest.mark.parametrize("job", JOBS, ids=[job.name for job in JOBS])
def test_the_rows_have_every_request_of_an_execution(arena: Arena, job: Job) -> None:
    lost = [(write, OPENINGS["landed"]) for write in writes_of(job)]
    played = play(arena, job, *lost)
    assert played.report.outcome == "success", played.report.message
    assert not played.effects.undone
    assert set(played.effects.times.values()) == {1}
    known = {*reads_of(job), *writes_of(job), *(place for write in writes_of(job) for place in inspections_of(write))}
    assert sorted(set(map(str, played.seen))) == sorted(set(map(str, known)))
