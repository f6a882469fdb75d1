"""What the attacks are made on: an office with a sandbox cluster, and the database's owner's own connection."""

import time
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from countersign.local.stack import Stack
from countersign.records.database.engine import connect
from tests.attacks.town import build, town
from tests.execution.conftest import Office, cluster, household, office, running_cluster
from tests.stack.api import PATIENCE

__all__ = ["Office", "build", "cluster", "household", "office", "running_cluster", "town"]

Sql = Callable[..., None]
OF_RUN = text("SELECT event FROM audit_event WHERE details ->> 'flow_run' = :run")


def audited(office: Office, chain: UUID | str) -> list[str]:
    """Return the events of an approval, or of a subject, on the audit, in their order."""
    with office.services.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT event FROM audit_event WHERE chain = :chain ORDER BY position"), {"chain": str(chain)}
        )
        return [row.event for row in rows]


def told_of(stack: Stack, flow_run: str) -> str:
    """Return which event the audit of a stack has for a flow run that was refused; it is told after the run's end."""
    engine, give_up = connect(stack.addresses.database_url, timeout=5), time.monotonic() + PATIENCE
    try:
        while True:
            with engine.connect() as connection:
                found = connection.execute(OF_RUN, {"run": flow_run}).scalars().all()
            if found or time.monotonic() > give_up:
                (event,) = set(found)
                return str(event)
            time.sleep(0.05)
    finally:
        engine.dispose()


@pytest.fixture
def as_owner(all_rights: Engine) -> Iterator[Sql]:
    """Runs SQL as whoever owns the database: no trigger and no grant is in the way."""
    with all_rights.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET session_replication_role = replica"))
        yield lambda statement, **values: connection.execute(text(statement), values)
        connection.execute(text("SET session_replication_role = origin"))
