"""Can run statements as the runtime role: has what runs as the owner use tables of its own, or writes rows itself."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import ProgrammingError

from tests.attacks.conftest import Sql
from tests.attacks.trail import Trail, trail

__all__ = ["trail"]

APPEND = text("SELECT audit_append('x', 'access:request:refused', 'mallory', '', '{}')")
ROWS = text("SELECT count(*) FROM public.audit_event WHERE actor = 'mallory'")


@pytest.fixture
def mallory(all_rights: Engine, as_owner: Sql) -> Iterator[Connection]:
    """A connection of a role that may append to the audit, read it, and make tables of its own for a while."""
    as_owner("CREATE ROLE mallory")
    try:
        as_owner("GRANT EXECUTE ON FUNCTION audit_append(text, text, text, text, jsonb) TO mallory")
        as_owner("GRANT SELECT ON audit_event TO mallory")
        as_owner("GRANT USAGE ON SCHEMA public TO mallory")
        as_owner(f'GRANT TEMPORARY ON DATABASE "{all_rights.url.database}" TO mallory')
        with all_rights.connect() as connection:
            connection.execute(text("SET ROLE mallory"))
            yield connection
            connection.rollback()
            connection.execute(text("RESET ROLE"))
            connection.commit()
    finally:
        as_owner("DROP OWNED BY mallory")
        as_owner("DROP ROLE mallory")


def test_a_temporary_table_of_the_same_name_is_not_written_to(trail: Trail, mallory: Connection) -> None:
    mallory.execute(text("CREATE TEMPORARY TABLE audit_event (LIKE public.audit_event INCLUDING ALL)"))
    mallory.execute(APPEND)
    assert mallory.execute(ROWS).scalar_one() == 1


def test_what_counts_as_the_owner_runs_no_trigger_of_its_callers(mallory: Connection, as_owner: Sql) -> None:
    as_owner("GRANT EXECUTE ON FUNCTION trust_count_by(double precision) TO mallory")
    as_owner("GRANT SELECT ON trust_half_life TO mallory")
    for statement in (
        "CREATE TEMPORARY TABLE trust_half_life (LIKE public.trust_half_life INCLUDING ALL)",
        "GRANT ALL ON trust_half_life TO PUBLIC",
        "CREATE FUNCTION pg_temp.mine() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'runs as %', current_user; END $$",
        "CREATE TRIGGER mine BEFORE INSERT ON trust_half_life FOR EACH ROW EXECUTE FUNCTION pg_temp.mine()",
        "SELECT trust_count_by(12345)",
    ):
        mallory.execute(text(statement))
    counted_by = text("SELECT seconds FROM public.trust_half_life")
    assert 12345 in mallory.execute(counted_by).scalars().all()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_event (chain, position, event, actor, details, at, previous, hash) "
        "SELECT 'x', 1, event, actor, details, at, previous, hash FROM audit_event LIMIT 1",
        "UPDATE audit_event SET actor = 'mallory'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "ALTER TABLE audit_event DISABLE TRIGGER ALL",
    ],
)
def test_who_may_append_may_do_nothing_else(trail: Trail, mallory: Connection, statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        mallory.execute(text(statement))


def test_who_is_not_granted_it_appends_nothing(trail: Trail, mallory: Connection, as_owner: Sql) -> None:
    as_owner("REVOKE EXECUTE ON FUNCTION audit_append(text, text, text, text, jsonb) FROM mallory")
    with pytest.raises(ProgrammingError, match="permission denied for function audit_append"):
        mallory.execute(APPEND)
