"""How many statements an execution costs the records, from the claim to the outcome."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from tests.execution.conftest import Office

BUDGET = 53
"""BEGIN and COMMIT among them, and no other round trips."""


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """Return what PostgreSQL is sent; a connection that commits each statement begins and commits nothing."""
    sent: list[str] = []

    def statement(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        sent.append(" ".join(text.split())[:90])

    def ended(what: str) -> Any:
        def note(connection: Any) -> None:
            if not connection.connection.dbapi_connection.autocommit:
                sent.append(what)

        return note

    heard = {
        "before_cursor_execute": statement,
        "begin": ended("BEGIN"),
        "commit": ended("COMMIT"),
        "rollback": ended("ROLLBACK"),
    }
    for name, listener in heard.items():
        event.listen(engine, name, listener)
    try:
        yield sent
    finally:
        for name, listener in heard.items():
            event.remove(engine, name, listener)


def test_a_restart_costs_no_more_statements_than_its_budget(office: Office) -> None:
    approval_id = office.approved("kubectl rollout restart deployment/web -n staging")
    with counted(office.services.engine) as sent:
        report = office.run(approval_id)
    assert report.outcome == "success", report.message
    assert len(sent) <= BUDGET, "\n".join(sent)
    # Whatever else is saved, these are asked right before the intent, each time.
    intent = next(n for n, text in enumerate(sent) if text.startswith("INSERT INTO journal_entry"))
    before = sent[:intent][-6:]
    assert any("kill_switch" in text for text in before)
    assert any("FROM signature" in text or text.startswith("SELECT signature") for text in before)
