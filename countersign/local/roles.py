"""Roles of the embedded PostgreSQL, made by its superuser."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from pydantic import SecretStr

# Tables of extensions, and sequences that belong to a column, follow what they belong to.
_HAND_OVER = """
DO $$ DECLARE each record; BEGIN
    FOR each IN
        SELECT format('ALTER TABLE %s OWNER TO {role}', c.oid::regclass) AS statement
        FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype IN ('e', 'i', 'a')
                          AND classid = 'pg_class'::regclass)
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO {role}', p.oid::regprocedure)
        FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
        UNION ALL
        SELECT format('ALTER TYPE %s OWNER TO {role}', t.oid::regtype)
        FROM pg_type AS t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd')
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = t.oid AND deptype = 'e')
    LOOP EXECUTE each.statement; END LOOP;
END $$
"""


@dataclass(frozen=True)
class Role:
    """A name with which to log in, and its password."""

    name: str
    password: SecretStr


def make_role(connection: psycopg.Connection[tuple[Any, ...]], role: Role) -> None:
    """Make the role, or give it this password. It may log in, and nothing else."""
    name = sql.Identifier(role.name)
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role.name,)).fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {}").format(name))
    # Hashed here: no log of the server ever shows a password.
    password = role.password.get_secret_value().encode()
    secret = connection.pgconn.encrypt_password(password, role.name.encode(), b"scram-sha-256").decode()
    rights = "ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {}"
    connection.execute(sql.SQL(rights).format(name, sql.Literal(secret)))


def hand_over(connection: psycopg.Connection[tuple[Any, ...]], role: Role) -> None:
    """Make `role` the owner of the connection's database and of everything in it; nobody else may connect."""
    database, name = sql.Identifier(connection.info.dbname), sql.Identifier(role.name)
    connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, name))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    connection.execute(_HAND_OVER.replace("{role}", name.as_string(connection)).encode())
