"""What the driver's errors say: the kind of mistake and the constraint, and nothing of what the row holds.

PostgreSQL quotes the refused row in DETAIL and the value in CONTEXT ("Failing row contains (…)"), and SQLAlchemy
keeps the parameters. Errors travel far, into logs, states of runs and stored results, so that is taken out of them
where they begin, at the engine.
"""

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import StatementError

from countersign.masking import masked

DATA_EXCEPTION = "22"
"""Class of SQLSTATE whose message itself quotes the value."""


def tell_nothing_of_rows(engine: Engine) -> None:
    """Have every error of `engine` say what was wrong without the values of the statement."""
    event.listen(engine, "handle_error", _without_values)


def _without_values(context: ExceptionContext) -> None:
    error, wrapped = context.original_exception, context.sqlalchemy_exception
    if isinstance(error, psycopg.Error) and error.sqlstate:
        said = _said(error)
        error.args = (said,)
        # The server's whole answer, from which `diag` reads, and pickle.
        error._info = None
        if wrapped is not None:
            wrapped.args = (f"({type(error).__module__}.{type(error).__name__}) {said}",)
    if isinstance(wrapped, StatementError):
        wrapped.params = None


def _said(error: psycopg.Error) -> str:
    state, diagnosis = error.sqlstate or "", error.diag
    said = diagnosis.message_primary or "the statement was refused"
    if state.startswith(DATA_EXCEPTION):
        said = "a value does not have the form or size that is needed"
    constraint = f", constraint {diagnosis.constraint_name}" if diagnosis.constraint_name else ""
    return f"{masked(said)} (SQLSTATE {state}{constraint})"
