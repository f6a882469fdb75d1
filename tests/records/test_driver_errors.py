"""What PostgreSQL says of a refused row names the constraint, and nothing of the row, wherever the error is told."""

import io
import logging
import pickle
import traceback
from collections.abc import Iterator
from dataclasses import replace
from time import monotonic, sleep
from uuid import UUID, uuid4

import httpx
import pytest
from prefect import flow, task
from sqlalchemy import Engine, TextClause, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from countersign.local.postgres import EmbeddedPostgres
from countersign.logging import get_logger
from countersign.records.approvals import file_approval
from countersign.records.database.engine import connect, transaction
from tests.prefect_server import login
from tests.records.builders import REQUEST, now, pending

pytestmark = pytest.mark.all_rights

SECRET = "hunter2InARow"
ACTION = f"kubectl set env deployment/api DB_PASSWORD={SECRET}"

TWICE = text("INSERT INTO copy_of_actions (action) VALUES (:action), (:action)")
TOO_RISKY = text("UPDATE approval SET required_signatures = 99, rejection_reason = :action")
NO_NUMBER = text("SELECT CAST(:action AS integer)")
NO_JSON = text("SELECT CAST(:action AS jsonb)")
NO_TEXT = text("SELECT :action || :other")


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that any logger says, the stack traces included."""
    heard, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(heard)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield heard
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def refusing(engine: Engine) -> Engine:
    pending(engine, action=ACTION)
    with transaction(engine) as session:
        session.execute(text("CREATE TABLE copy_of_actions (action text UNIQUE)"))
    return engine


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (TWICE, "copy_of_actions_action_key"),
        (TOO_RISKY, "required_signatures_range"),
        (NO_NUMBER, "22P02"),
        (NO_JSON, "22P02"),
    ],
)
def test_an_error_names_the_constraint_and_nothing_of_the_row(
    refusing: Engine, logged: io.StringIO, statement: TextClause, says: str
) -> None:
    with pytest.raises(DBAPIError) as caught, transaction(refusing) as session:
        session.execute(statement, {"action": ACTION})
    error = caught.value
    try:
        raise error
    except DBAPIError:
        get_logger("countersign.tests").exception("it failed", error=str(error))
        get_logger("countersign.tests").warning("it failed", error=error, exc_info=True)
        logging.getLogger("prefect.tests").exception("it failed: %r", error)
    told = [logged.getvalue(), str(error), repr(error), repr(error.orig), "".join(traceback.format_exception(error))]
    told += [repr(pickle.dumps(error)), repr(pickle.dumps(error.orig)), repr(vars(error))]
    assert says in told[0]
    for each in told:
        assert SECRET not in each


def test_the_class_of_an_error_is_what_it_was(refusing: Engine) -> None:
    with pytest.raises(IntegrityError) as caught, transaction(refusing) as session:
        session.execute(TWICE, {"action": ACTION})
    assert getattr(caught.value.orig, "sqlstate", None) == "23505"


def test_a_value_that_cannot_be_sent_is_not_repeated(refusing: Engine, logged: io.StringIO) -> None:
    with pytest.raises(DBAPIError) as caught, transaction(refusing) as session:
        session.execute(NO_TEXT, {"action": ACTION, "other": f"{ACTION}\0"})
    logging.getLogger("prefect.tests").error("it failed", exc_info=caught.value)
    assert SECRET not in logged.getvalue() + repr(vars(caught.value))


def test_the_server_of_the_sandbox_logs_nothing_of_a_row(postgres: EmbeddedPostgres, refusing: Engine) -> None:
    begin = postgres.log_file.stat().st_size
    for statement in (TWICE, TOO_RISKY):
        with pytest.raises(DBAPIError), transaction(refusing) as session:
            session.execute(statement, {"action": ACTION})
    log = postgres.log_file.read_bytes()[begin:].decode(errors="replace")
    assert "copy_of_actions_action_key" in log
    assert SECRET not in log


def test_a_run_that_fails_by_a_refused_row_shows_nothing_of_it(
    prefect_api: str, database_url: str, logged: io.StringIO
) -> None:
    engine = connect(database_url, timeout=5)

    @task(persist_result=True)
    def refused() -> None:
        with transaction(engine) as session:
            again = replace(REQUEST, action=ACTION)
            filed = file_approval(session, again, now=now())
            session.execute(TOO_RISKY, {"action": f"{filed.action} {filed.id}"})

    @flow(name=f"refused-{uuid4()}", persist_result=True)
    def refuse() -> None:
        refused()

    state = refuse(return_state=True)
    engine.dispose()
    run = state.state_details.flow_run_id
    assert state.is_failed()
    assert "required_signatures_range" in str(state.message)
    shown = [str(state), repr(state.data), logged.getvalue()]
    shown += [everything(prefect_api, path, run) for path in ("flow_runs", "task_runs", "logs")]
    for each in shown:
        assert SECRET not in each


def everything(api: str, path: str, run: UUID | None) -> str:
    wanted = {"logs": {"logs": {"flow_run_id": {"any_": [str(run)]}}}}.get(
        path, {"flow_runs": {"id": {"any_": [str(run)]}}}
    )
    until = monotonic() + 30
    while True:
        answer = httpx.post(f"{api}/{path}/filter", json={**wanted, "limit": 100}, auth=login(api), timeout=30)
        if answer.json() or monotonic() > until:
            assert answer.json(), path
            return answer.text
        sleep(0.1)
