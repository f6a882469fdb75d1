"""What became of looking for an action's objects is counted: hit, suggestion, miss, error."""

import pytest
from sqlalchemy import Engine

from countersign.errors import DatabaseUnavailable, PolicyRefused, TargetNotFound, TransientTargetError
from countersign.execution.resolution_count import counted
from countersign.records.database.engine import transaction
from countersign.records.resolutions import resolutions
from countersign.records.states import ResolutionResult
from countersign.targets.model import Match, Resolution
from tests.execution.conftest import Office

FOUND = Resolution((), (), Match.EXACT)


def totals(engine: Engine) -> dict[str, int]:
    with transaction(engine) as session:
        return {result.value: total for result, total in resolutions(session).items()}


def test_runs_count_what_became_of_the_names(office: Office) -> None:
    for name in ("api", "API", "nothing-like-it", "api"):
        office.perform(f"kubectl rollout restart deployment/{name} -n prod")
    office.perform("NO_ACTION: quiet")
    assert totals(office.services.engine) == {"hit": 2, "suggestion": 1, "miss": 1, "error": 0}


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (TransientTargetError("503"), ResolutionResult.ERROR),
        (ConnectionRefusedError(), ResolutionResult.ERROR),
        (TargetNotFound("no"), ResolutionResult.MISS),
        (PolicyRefused("no"), None),
    ],
)
def test_an_error_is_counted_by_what_it_means_and_goes_on(
    engine: Engine, error: Exception, result: ResolutionResult | None
) -> None:
    with pytest.raises(type(error)), counted(engine):
        raise error
    assert {name for name, total in totals(engine).items() if total} == ({result.value} if result else set())


def test_counting_does_not_fail_the_run(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("nothing answers")

    monkeypatch.setattr("countersign.execution.resolution_count.count_resolution", away)
    with counted(engine) as looking:
        looking.found = FOUND


def test_nothing_is_counted_where_nothing_was_found_or_failed(engine: Engine) -> None:
    with counted(engine):
        pass
    assert set(totals(engine).values()) == {0}
