"""A round goes through all its parts, whatever becomes of one of them."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from countersign.errors import ConfigurationError
from countersign.records.database.engine import transaction
from countersign.records.findings import Finding, Looked
from countersign.records.rounds import note_round, parts_of_rounds
from countersign.texts import LANGUAGES, catalogue
from flows.reconcile import PARTS, rows
from flows.rounds import Context, Part, Round, go_round, threaded
from tests.execution.conftest import Office

FINDINGS = [Finding("a", "done", 7.0), Finding("b", "not done", 90.0, failed=True), Finding("c", "done")]


def goes(office: Office, *parts: Part) -> Round:
    return asyncio.run(go_round(parts, Context(office.services, "w")))


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ConfigurationError("The deployment does not exist."), "The deployment does not exist."),
        (OperationalError("SELECT 1", {}, Exception("password=hush")), "OperationalError"),
        (PoolTimeout("all connections are in use"), "TimeoutError"),
        (OSError("no route"), "OSError"),
        (ZeroDivisionError("a fault of ours"), "ZeroDivisionError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_part_that_fails_is_told_and_the_others_are_looked_at(office: Office, error: Exception, shown: str) -> None:
    async def fails(_context: Context) -> Sequence[Finding]:
        raise error

    done = goes(office, Part("expired", fails), Part("open_log", threaded(lambda _services: FINDINGS)))
    assert [each.problem for each in done.looked] == [shown, None]
    assert done.looked[1].findings == FINDINGS
    assert shown in done.problems[0]
    assert shown in list(rows(done)[0].values())[-1]
    assert "hush" not in str(rows(done))


def test_a_part_counts_what_it_found_and_how_old_it_is(office: Office) -> None:
    (looked,) = goes(office, Part("open_log", threaded(lambda _services: FINDINGS))).looked
    assert (len(looked.findings), looked.done, looked.failed, looked.oldest_seconds) == (3, 2, 1, 90.0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_part_has_a_name_for_people(language: str) -> None:
    assert {f"reconcile.{part.name}" for part in PARTS} <= set(catalogue(language))


def test_rounds_are_counted_and_the_last_one_is_shown(office: Office) -> None:
    for findings, problem in ((FINDINGS, None), ([], "PostgreSQL is gone"), (FINDINGS[:1], None)):
        with transaction(office.services.engine) as session:
            note_round(session, [Looked("open_log", findings, problem), Looked("expired", [])])
    with transaction(office.services.engine) as session:
        expired, open_log = parts_of_rounds(session)
    assert (expired.part, expired.rounds_total, expired.found_total) == ("expired", 3, 0)
    assert (open_log.found, open_log.failed, open_log.oldest_seconds, open_log.problem) == (1, 0, 7.0, None)
    assert (open_log.found_total, open_log.failed_total, open_log.problems_total) == (4, 1, 1)


def test_rounds_at_once_are_all_counted(office: Office) -> None:
    def note(_number: int) -> None:
        with transaction(office.services.engine) as session:
            note_round(session, [Looked(part.name, FINDINGS) for part in PARTS])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(note, range(12)))
    with transaction(office.services.engine) as session:
        assert {part.rounds_total for part in parts_of_rounds(session)} == {12}
