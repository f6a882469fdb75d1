"""Empty, migrated databases for tests: made once, and emptied for the next test where only rows have changed.

What they are lent as is the role that Countersign runs as, so every test shows that it needs no more rights.

Copying the template takes most of the time of a test that only looks at a few rows. A database whose tables,
triggers, functions or constraints are not the template's any more, that has grown, or that somebody is still
connected to, is dropped, and the next test gets a new copy.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import make_url

from countersign.local.postgres import EmbeddedPostgres
from countersign.local.roles import Role
from countersign.records.database.engine import connect
from countersign.records.database.migrate import upgrade

TEMPLATE = "countersign_template"
OWNER = Role("countersign_owner", SecretStr("the tests' owner"))
RUNNING = Role("countersign", SecretStr("the tests' running role"))
MOST_BYTES_MORE = 4_000_000

# What a test may have changed beside rows; a disabled trigger counts.
SHAPE = """
    SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
        SELECT format('%s %s', relname, relkind) FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT format('%s %s', tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT format('%s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT format('%s %s', proname, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT format('%s %s %s %s', attrelid::regclass, attname, atttypid::regtype, attnotnull)
            FROM pg_attribute WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    ) AS lines (line)
"""
OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
SEQUENCES = "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences"


class Databases:
    """The databases of one server."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._postgres = postgres
        self._numbers = count(1)
        self._free: list[str] = []
        # To each database that is lent or free: whoever connects anew pays several times what emptying costs.
        self._connections: dict[str, psycopg.Connection[tuple[int]]] = {}
        postgres.make_role(OWNER)
        postgres.make_role(RUNNING)
        postgres.create_database(TEMPLATE)
        postgres.hand_over(TEMPLATE, OWNER)
        engine = connect(postgres.url(TEMPLATE, OWNER), timeout=60)
        upgrade(engine, running=make_url(postgres.url(TEMPLATE, RUNNING)))
        engine.dispose()
        with self._connected(TEMPLATE) as connection:
            self._shape = connection.execute(SHAPE).fetchone()
            self._size = self._size_of(connection)
            self._empty = _emptying(connection)

    @contextmanager
    def lent(self) -> Iterator[str]:
        """Lend the address of a migrated database without any records, as the role that runs."""
        name = self._lend()
        yield self._postgres.url(name, RUNNING)
        self._take_back(name)

    def close(self) -> None:
        """Give up every connection."""
        for connection in self._connections.values():
            connection.close()

    def _lend(self) -> str:
        if self._free:
            return self._free.pop()
        name = f"test_{next(self._numbers)}"
        self._postgres.create_database(name, template=TEMPLATE)
        connection = self._connections[name] = self._connected(name, autocommit=True)
        # A copy has the rights in its template, and those on the database itself anew.
        for statement in (
            "ALTER DATABASE {} OWNER TO countersign_owner",
            "REVOKE ALL ON DATABASE {} FROM PUBLIC",
            "GRANT CONNECT ON DATABASE {} TO {}",
        ):
            connection.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(RUNNING.name)))
        return name

    def _take_back(self, name: str) -> None:
        if self._emptied(self._connections[name]):
            self._free.append(name)
        else:
            self._connections.pop(name).close()
            self._postgres.drop_database(name)

    def _emptied(self, connection: psycopg.Connection[tuple[int]]) -> bool:
        if not _alone(connection) or connection.execute(SHAPE).fetchone() != self._shape:
            return False
        if self._size_of(connection) > self._size + MOST_BYTES_MORE:
            return False
        with connection.transaction():
            connection.execute(self._empty)
        return True

    def _size_of(self, connection: psycopg.Connection[tuple[int]]) -> int:
        found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert found is not None
        return found[0]

    def _connected(self, name: str, *, autocommit: bool = False) -> psycopg.Connection[tuple[int]]:
        address = self._postgres.url(name).replace("postgresql+psycopg", "postgresql", 1)
        return psycopg.connect(address, autocommit=autocommit)


def as_superuser(url: str) -> str:
    """Return the same database's address as the one whom nothing is refused; for this user alone."""
    return make_url(url).set(username="postgres", password=None).render_as_string()


def _alone(connection: psycopg.Connection[tuple[int]]) -> bool:
    """Tell whether nobody else is connected; a connection that was closed may need a moment."""
    for _ in range(10):
        if connection.execute(OTHERS).fetchone() == (0,):
            return True
        time.sleep(0.01)
    return False


def _emptying(connection: psycopg.Connection[tuple[int]]) -> sql.Composed:
    """Return the statements after which every table has the rows that it has now."""
    parts = [sql.SQL("SET LOCAL session_replication_role = replica")]  # rows that are never deleted are, here
    for (table,) in connection.execute(TABLES).fetchall():
        name = sql.Identifier(str(table))
        rows = connection.execute(sql.SQL("SELECT json_agg(t)::text FROM {} t").format(name)).fetchone()
        parts.append(sql.SQL("DELETE FROM {}").format(name))
        if rows is not None and rows[0] is not None:
            fill = sql.SQL("INSERT INTO {0} SELECT * FROM json_populate_recordset(NULL::{0}, {1})")
            parts.append(fill.format(name, sql.Literal(str(rows[0]))))
    parts.append(sql.SQL(SEQUENCES))
    return sql.SQL("; ").join(parts)
