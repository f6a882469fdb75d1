"""The way to PostgreSQL: an engine, transactions, and sentences for everything that can be wrong with it.

Functions of `countersign.records` take the session of a transaction that their caller opened:

    with transaction(engine) as session:
        claims.claim(session, approval_id, ...)

Isolation is READ COMMITTED; what must hold between transactions is held by constraints, row locks and
conditions inside single statements, never by a read followed by a write.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from pydantic import SecretStr
from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from countersign.errors import DatabaseUnavailable, RowLocked
from countersign.records.database.driver_errors import tell_nothing_of_rows
from countersign.records.database.liveness import refuse_dead_connections

EXAMPLE = "COUNTERSIGN_DATABASE_URL=postgresql+psycopg://user:password@host:5432/countersign"

# SQLSTATE of lock_timeout.
LOCK_NOT_AVAILABLE = "55P03"

# One round trip that tells whether the server and the database are there.
PING = text("SELECT 1")

# Whose rights count.
CURRENT_ROLE = text("SELECT current_user")

# What time it is.
NOW = text("SELECT clock_timestamp()")


def connect(url: SecretStr | str | None, *, timeout: float) -> Engine:
    """Return an engine that has reached the database once. `timeout` is seconds per connection attempt.

    Raises DatabaseUnavailable: not set, not a PostgreSQL address, not reachable, wrong credentials, no such
    database. The text never holds the password.
    """
    address = _address(url)
    engine = create_engine(
        address,
        pool_size=10,
        max_overflow=20,
        # The one that was used last has the statements prepared.
        pool_use_lifo=True,
        # Statements carry actions and outputs; an error's text must not repeat them.
        hide_parameters=True,
        connect_args={
            # libpq counts whole seconds and reads 1 as 2.
            "connect_timeout": max(2, round(timeout)),
            "application_name": "countersign",
            # A server that vanished without a word (a failover, a pulled cable) is noticed within a lease, not in
            # the quarter of an hour that the kernel would wait.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
            # A process that is paused inside a transaction keeps its locks; it loses the session long before those
            # who wait for them, its successor among them, give up.
            "options": "-c timezone=UTC -c lock_timeout=30s -c idle_in_transaction_session_timeout=10s",
        },
    )
    tell_nothing_of_rows(engine)
    refuse_dead_connections(engine)
    try:
        with engine.connect() as connection:
            connection.execute(PING)
    except DBAPIError as error:
        engine.dispose()
        raise _unavailable(error, address) from None
    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """Open a transaction: committed at the end of the block, rolled back when it raises.

    Objects stay readable after the commit. Raises DatabaseUnavailable when the connection is lost; whether a
    commit that was under way took effect is then not known.
    """
    with _in_sentences(engine), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def statements(engine: Engine) -> Iterator[Session]:
    """Open a session in which each statement is a transaction of its own, so that none has to begin or be committed.

    For one statement, and for readings that need not be of one moment. Raises what `transaction` raises.
    """
    each = engine.execution_options(isolation_level="AUTOCOMMIT")
    with _in_sentences(engine), Session(each, expire_on_commit=False) as session:
        yield session


@contextmanager
def _in_sentences(engine: Engine) -> Iterator[None]:
    """Turn what can be wrong with a database into errors of ours."""
    try:
        yield
    except PoolTimeout:
        raise DatabaseUnavailable(
            "all connections of this process to PostgreSQL are in use", hint="run fewer executions per worker"
        ) from None
    except DBAPIError as error:
        # A failed connection has no SQLSTATE; everything that the server answered to a statement has one.
        unreachable = isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) is None
        if error.connection_invalidated or unreachable:
            raise _unavailable(error, engine.url) from error
        if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
            raise RowLocked(
                "another session kept a row locked for too long", hint="look at pg_stat_activity and pg_locks"
            ) from error
        raise


def clock(session: Session) -> datetime:
    """Return the database's time, which is everybody's: workers' clocks differ."""
    found: datetime = session.execute(NOW).scalar_one()
    return found


def role_of(engine: Engine) -> str:
    """Return the name of the role that the engine connects as."""
    with engine.connect() as connection:
        return str(connection.execute(CURRENT_ROLE).scalar_one())


def check_schema(engine: Engine) -> None:
    """Raise DatabaseUnavailable unless the tables are of the version that this program was written for."""
    # Imported here since Alembic takes a tenth of a second and no other function needs it.
    from countersign.records.database.migrate import current_revision, head_revision, is_known  # noqa: PLC0415

    found, wanted = current_revision(engine), head_revision()
    if found == wanted:
        return
    if found is None:
        raise DatabaseUnavailable("the database has no tables of Countersign", hint="run `countersign migrate`")
    if is_known(found):
        raise DatabaseUnavailable(
            f"the database's tables are older ({found}) than this program ({wanted})",
            hint="run `countersign migrate`",
        )
    raise DatabaseUnavailable(
        f"the database's tables ({found}) were made by a newer Countersign than this one ({wanted})",
        hint="install the newer version here too",
    )


def _address(url: SecretStr | str | None) -> URL:
    given = url.get_secret_value() if isinstance(url, SecretStr) else url
    if not given:
        raise DatabaseUnavailable("COUNTERSIGN_DATABASE_URL is not set", hint=f"for example {EXAMPLE}")
    try:
        address = make_url(given)
    except (ArgumentError, ValueError):
        raise DatabaseUnavailable(
            "COUNTERSIGN_DATABASE_URL cannot be read as an address",
            hint=f"for example {EXAMPLE}; characters such as @ : / % in the password are written as %40 %3A %2F %25",
        ) from None
    if address.get_backend_name() not in ("postgresql", "postgres"):
        raise DatabaseUnavailable(
            f"COUNTERSIGN_DATABASE_URL is an address of {address.drivername}, Countersign needs PostgreSQL",
            hint=f"for example {EXAMPLE}",
        )
    return address.set(drivername="postgresql+psycopg")


def _unavailable(error: DBAPIError, address: URL) -> DatabaseUnavailable:
    """Turn the driver's error into a sentence.

    libpq gives no SQLSTATE for a failed connection, so its text is read here and nowhere else. The text of
    libpq names host, user and database, never the password.
    """
    text_ = str(error.orig).lower()
    where = f"{address.host or address.query.get('host') or 'the local socket'}"
    if address.port:
        where += f":{address.port}"
    user, database = address.username or "(none)", address.database or "(none)"
    if "password authentication failed" in text_ or "no password supplied" in text_:
        return DatabaseUnavailable(
            f"PostgreSQL at {where} refuses the password of user {user}",
            hint="check user and password in COUNTERSIGN_DATABASE_URL; special characters are written as %XX",
        )
    if "role" in text_ and "does not exist" in text_:
        return DatabaseUnavailable(
            f"PostgreSQL at {where} knows no user {user}",
            hint=f"on the server: CREATE ROLE {user} LOGIN PASSWORD '…'",
        )
    if "database" in text_ and "does not exist" in text_:
        return DatabaseUnavailable(
            f"PostgreSQL at {where} has no database {database}", hint=f"on the server: createdb {database}"
        )
    if "pg_hba.conf" in text_ or "authentication" in text_:
        return DatabaseUnavailable(
            f"PostgreSQL at {where} does not let user {user} in from here",
            hint="the server's pg_hba.conf needs a line for this host, user and database",
        )
    if "translate host name" in text_ or "name or service" in text_ or "name resolution" in text_:
        return DatabaseUnavailable(f"the database's host {where} is not known", hint="check the host's name")
    if "refused" in text_ or "no such file" in text_:
        return DatabaseUnavailable(
            f"nothing answers as PostgreSQL at {where}",
            hint="start it, or check host and port; `countersign up` has one",
        )
    if "timeout" in text_ or "timed out" in text_:
        return DatabaseUnavailable(
            f"PostgreSQL at {where} does not answer in time", hint="check network and firewall"
        )
    if "too many clients" in text_ or "connection slots" in text_:
        return DatabaseUnavailable(f"PostgreSQL at {where} has no free connection", hint="raise max_connections")
    return DatabaseUnavailable(f"the connection to PostgreSQL at {where} was lost", hint="check the server's log")
