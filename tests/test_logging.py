"""No line that Countersign logs holds a secret: not the event, its values, their insides or a stack trace."""

import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from countersign.logging import REDACTED, get_logger
from countersign.masking import MASK

SECRET = "hunter2InALog"
ACTION = f"kubectl set env deployment/api DB_PASSWORD={SECRET}"


@dataclass(frozen=True)
class Thing:
    action: str


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    heard, logger = io.StringIO(), logging.getLogger("countersign.tests")
    handler = logging.StreamHandler(heard)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield heard
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@pytest.mark.parametrize(
    "values",
    [
        {"action": ACTION},
        {"given": {"env": {"DB_PASSWORD": SECRET}, "more": [ACTION]}},
        {"given": [ACTION, (ACTION,)]},
        {"given": Thing(ACTION)},
        {"error": ValueError(ACTION)},
        {"token": SECRET},
        {"given": f"Bearer {SECRET}12345"},
    ],
)
def test_no_value_of_a_line_holds_a_secret(logged: io.StringIO, values: dict[str, object]) -> None:
    get_logger("countersign.tests").warning("it is told", **values)
    line = logged.getvalue()
    assert "it is told" in line
    assert MASK in line or REDACTED in line
    assert SECRET not in line


def test_an_event_holds_no_secret_that_is_put_into_it(logged: io.StringIO) -> None:
    get_logger("countersign.tests").warning("it is told: %s", ACTION)
    assert MASK in logged.getvalue()
    assert SECRET not in logged.getvalue()


def test_a_stack_trace_holds_no_secret(logged: io.StringIO) -> None:
    try:
        try:
            raise ValueError(f"cannot do {ACTION}")
        except ValueError as error:
            raise RuntimeError(f"cannot connect to postgresql://app:{SECRET}@db/app") from error
    except RuntimeError:
        get_logger("countersign.tests").exception("it failed")
    assert "\nRuntimeError: cannot connect to postgresql://app:***@db/app\n" in logged.getvalue()
    assert logged.getvalue().count("ValueError: cannot do kubectl set env deployment/api DB_PASSWORD=***\n") == 1
    assert SECRET not in logged.getvalue()


def test_what_is_no_secret_is_logged_as_it_is(logged: io.StringIO) -> None:
    get_logger("countersign.tests").warning("%d done", 3, part="reconcile", ids=["a", "b"], count=3, of=Thing("none"))
    assert "event='3 done'" in logged.getvalue()
    assert "part='reconcile' ids=['a', 'b'] count=3 of=Thing(action='none')" in logged.getvalue()
