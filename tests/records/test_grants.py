"""What the role that Countersign runs as may do: what its code does, and nothing else."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from countersign.cli.doctor import role
from countersign.errors import ConfigurationError
from countersign.records.database.engine import connect, role_of
from countersign.records.database.grants import GRANTS, grant_all
from countersign.records.database.rights import excess_rights
from countersign.records.tables import Record
from countersign.settings import Settings
from tests.databases import as_superuser

TRAILS = sorted(name for name, grant in GRANTS.items() if not grant.update)
TABLES = text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')")
HELD = text("""
    SELECT has_table_privilege('countersign', oid, 'SELECT'), has_table_privilege('countersign', oid, 'INSERT'),
           has_table_privilege('countersign', oid, 'UPDATE'),
           array(SELECT attname::text FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0
                 AND NOT attisdropped AND has_column_privilege('countersign', attrelid, attnum, 'UPDATE'))
    FROM pg_class WHERE oid = CAST(:name AS regclass)
""")

AS_OWNER = text("""
    SELECT proname, coalesce(array_to_string(proconfig, ';'), '') FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND prosecdef
""")


def is_refused(engine: Engine, statement: str) -> bool:
    with engine.connect() as connection, pytest.raises(ProgrammingError) as refused:
        connection.execute(text(statement))
    return getattr(refused.value.orig, "sqlstate", None) == "42501"


def test_every_table_says_what_may_be_done_to_it_and_why(all_rights: Engine) -> None:
    with all_rights.connect() as connection:
        assert set(connection.execute(TABLES).scalars()) == set(GRANTS)
    for name, grant in GRANTS.items():
        assert grant.why
        columns = {column.name for column in Record.metadata.tables[name].columns} if grant.update else set()
        assert set(grant.update) <= columns


def test_what_runs_as_the_owner_finds_the_owners_tables(all_rights: Engine) -> None:
    with all_rights.connect() as connection:
        found = connection.execute(AS_OWNER).all()
    assert found
    assert {path for _name, path in found} == {"search_path=pg_catalog, public, pg_temp"}, found


@pytest.mark.parametrize("name", GRANTS)
def test_the_database_grants_what_is_declared(all_rights: Engine, name: str) -> None:
    with all_rights.connect() as connection:
        select, insert, update, columns = connection.execute(HELD, {"name": name}).one()
    assert (select, insert, update) == (True, GRANTS[name].insert, False)
    assert sorted(columns) == sorted(GRANTS[name].update)


@pytest.mark.parametrize("name", GRANTS)
def test_nothing_is_deleted_emptied_or_freed_of_its_triggers(engine: Engine, name: str) -> None:
    for statement in (
        f"DELETE FROM {name}",
        f"TRUNCATE {name}",
        f"DROP TABLE {name}",
        f"ALTER TABLE {name} DISABLE TRIGGER ALL",
        f"ALTER TABLE {name} ADD COLUMN more text",
        f"CREATE TRIGGER mine BEFORE INSERT ON {name} FOR EACH ROW EXECUTE FUNCTION refuse_change()",
        f"CREATE INDEX mine ON {name} ((1))",
        f"CREATE RULE mine AS ON INSERT TO {name} DO INSTEAD NOTHING",
        f"GRANT ALL ON {name} TO countersign",
        f"ALTER TABLE {name} OWNER TO countersign",
    ):
        # A right that one may not give is ignored with a warning.
        if statement.startswith("GRANT"):
            with engine.begin() as connection:
                connection.execute(text(statement))
            assert is_refused(engine, f"DELETE FROM {name}")
        else:
            assert is_refused(engine, statement), statement


@pytest.mark.parametrize("name", [name for name in TRAILS if name in Record.metadata.tables])
def test_no_column_of_a_trail_is_updated(engine: Engine, name: str) -> None:
    for column in Record.metadata.tables[name].columns:
        if column.identity is not None:  # nobody updates these, whatever their rights
            continue
        assert is_refused(engine, f'UPDATE {name} SET "{column.name}" = "{column.name}"'), column.name


@pytest.mark.parametrize(
    "column",
    [
        *("id", "action", "description", "risk_level", "requested_by", "required_signatures", "blast_radius"),
        *("matched_playbook_id", "expires_at", "not_before", "details", "target", "parameters", "created_at"),
    ],
)
def test_what_was_signed_is_not_updated(engine: Engine, column: str) -> None:
    assert is_refused(engine, f"UPDATE approval SET {column} = {column}")


@pytest.mark.parametrize(
    "statement",
    [
        "SET session_replication_role = replica",
        "SET ROLE countersign_owner",
        "SET SESSION AUTHORIZATION postgres",
        "CREATE TABLE mine (x int)",
        "CREATE TEMPORARY TABLE audit_event (x int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "DROP FUNCTION refuse_change() CASCADE",
        "CREATE ROLE mine SUPERUSER",
        "ALTER ROLE countersign SUPERUSER",
        "COPY approval TO PROGRAM 'cat'",
        "COPY approval FROM '/etc/passwd'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT setval('journal_entry_seq_seq', 1)",
        "INSERT INTO audit_event (chain, position, event, actor, details, at, previous, hash) "
        "VALUES ('x', 1, 'a:b:c', 'me', '{}', now(), '', '')",
        "INSERT INTO control (name, is_on, changed_by, reason) VALUES ('kill_switch', false, 'me', 'mine')",
        "UPDATE alembic_version SET version_num = '0001'",
    ],
)
def test_no_way_around_is_open(engine: Engine, statement: str) -> None:
    assert is_refused(engine, statement), statement


def test_the_owner_cannot_be_the_one_that_runs(database_url: str) -> None:
    engine = connect(as_superuser(database_url), timeout=5)
    with pytest.raises(ConfigurationError, match="could change any record"):
        grant_all(engine, role_of(engine))
    engine.dispose()


def test_a_role_that_cannot_be_made_is_named(engine: Engine) -> None:
    for password in (None, "hunter2"):
        with pytest.raises(ConfigurationError, match="no role nobody_yet") as refused:
            grant_all(engine, "nobody_yet", password=password)
        assert "CREATE ROLE nobody_yet" in (refused.value.hint or "") and "hunter2" not in str(refused.value)


def test_the_doctor_knows_the_running_role_from_one_that_may_more(
    engine: Engine, all_rights: Engine, database_url: str
) -> None:
    assert "change no trail" in role(Settings(database_url=database_url))
    with pytest.raises(ConfigurationError, match="is a superuser"):
        role(Settings(database_url=as_superuser(database_url)))
    with all_rights.begin() as connection:
        connection.execute(text("GRANT DELETE ON signature TO countersign"))
        connection.execute(text("GRANT UPDATE (payload) ON journal_entry TO countersign"))
    assert excess_rights(engine) == ["may UPDATE journal_entry (payload)", "may DELETE signature"]
    with all_rights.begin() as connection:
        connection.execute(text("REVOKE DELETE ON signature FROM countersign"))
        connection.execute(text("REVOKE UPDATE (payload) ON journal_entry FROM countersign"))
    assert not excess_rights(engine)
