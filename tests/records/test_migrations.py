"""Migrations lead from an empty database to the tables that the program describes."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Engine, inspect, text

from countersign.errors import DatabaseUnavailable
from countersign.records.database.engine import check_schema, connect, transaction
from countersign.records.database.migrate import current_revision, head_revision, upgrade
from countersign.records.tables import Record

pytestmark = pytest.mark.all_rights


def test_several_processes_may_migrate_at_once(empty_database_url: str) -> None:
    engines = [connect(empty_database_url, timeout=5) for _ in range(4)]
    ready = Barrier(len(engines))

    def migrate(engine: Engine) -> None:
        ready.wait()
        upgrade(engine)

    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(migrate, engines))
    assert current_revision(engines[0]) == head_revision()
    check_schema(engines[0])
    for engine in engines:
        engine.dispose()


def test_the_tables_are_those_that_the_program_describes(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Record.metadata) == []


def test_every_check_of_the_program_is_in_the_database(engine: Engine) -> None:
    found = inspect(engine)
    for name, table in Record.metadata.tables.items():
        wanted = {str(check.name) for check in table.constraints if isinstance(check, CheckConstraint)}
        assert {check["name"] for check in found.get_check_constraints(name)} == wanted, name


def test_an_older_program_does_not_touch_newer_tables(all_rights: Engine) -> None:
    with transaction(all_rights) as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'ffff'"))
    with pytest.raises(DatabaseUnavailable, match="newer"):
        upgrade(all_rights)


def test_a_failed_migration_gives_the_lock_back(all_rights: Engine) -> None:
    with transaction(all_rights) as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'ffff'"))
    with pytest.raises(DatabaseUnavailable):
        upgrade(all_rights)
    with transaction(all_rights) as session:
        locks = session.execute(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")).scalar_one()
    assert locks == 0
