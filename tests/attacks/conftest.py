"""What the attacks are made on: an office with a sandbox cluster, and the database's owner's own connection."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from tests.attacks.town import build, town
from tests.execution.conftest import Office, cluster, household, office, running_cluster

__all__ = ["Office", "build", "cluster", "household", "office", "running_cluster", "town"]

Sql = Callable[..., None]


def audited(office: Office, chain: UUID | str) -> list[str]:
    """Return the events of an approval, or of a subject, on the audit, in their order."""
    with office.services.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT event FROM audit_event WHERE chain = :chain ORDER BY position"), {"chain": str(chain)}
        )
        return [row.event for row in rows]


@pytest.fixture
def as_owner(all_rights: Engine) -> Iterator[Sql]:
    """Runs SQL as whoever owns the database: no trigger and no grant is in the way."""
    with all_rights.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET session_replication_role = replica"))
        yield lambda statement, **values: connection.execute(text(statement), values)
        connection.execute(text("SET session_replication_role = origin"))
