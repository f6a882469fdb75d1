"""What a test finds in its database: the template's rows and nothing of the tests before it."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import text

from countersign.records.database.engine import connect
from countersign.records.database.migrate import head_revision
from tests.databases import Databases, as_superuser
from tests.records.builders import owned

pytestmark = pytest.mark.all_rights

FOUND = """
    SELECT count(*), (SELECT count(*) FROM execution), (SELECT is_on FROM control),
        (SELECT version_num FROM alembic_version)
    FROM approval
"""
EMPTY = [0, 0, False, head_revision()]


@pytest.fixture
def used(databases: Databases) -> Iterator[Callable[..., tuple[str, list[object]]]]:
    """Return a function that uses a database: runs statements in it, and returns its address and what it found."""

    def use(*statements: str) -> tuple[str, list[object]]:
        with databases.lent() as url:
            engine = connect(as_superuser(url), timeout=5)
            with engine.begin() as connection:
                found = list(connection.execute(text(FOUND)).one())
            owned(engine)
            with engine.begin() as connection:
                for statement in statements:
                    connection.execute(text(statement))
            engine.dispose()
        return url, found

    return use


def test_a_database_is_used_again_and_is_empty(used: Callable[..., tuple[str, list[object]]]) -> None:
    changes = (
        "UPDATE control SET is_on = true, changed_by = 'a', reason = 'b'",
        "UPDATE alembic_version SET version_num = 'ffff'",
    )
    first, _ = used(*changes)
    second, found = used()
    assert (second, found) == (first, EMPTY)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE signature DISABLE TRIGGER USER",
        "CREATE TABLE one_more (id int)",
        "ALTER TABLE approval DROP COLUMN blast_radius",
        "ALTER TABLE approval ADD CONSTRAINT more CHECK (true)",
        "DROP FUNCTION refuse_change CASCADE",
    ],
)
def test_one_that_was_changed_is_not_used_again(used: Callable[..., tuple[str, list[object]]], change: str) -> None:
    first, _ = used(change)
    second, found = used()
    assert second != first
    assert found == EMPTY


def test_one_that_somebody_is_connected_to_is_not_used_again(databases: Databases) -> None:
    with databases.lent() as first:
        left = psycopg.connect(first.replace("postgresql+psycopg", "postgresql", 1))
    with databases.lent() as second:
        assert second != first
    left.close()
