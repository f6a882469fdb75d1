"""Bring the database's tables to this program's version. The steps are in `migrations/versions`."""

from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import URL, Engine, text

from countersign.errors import DatabaseUnavailable
from countersign.records.database.grants import grant_all

MIGRATIONS = Path(__file__).parents[1] / "migrations"

# Any constant will do, as long as nobody else uses it in this database ("countsgn" in ASCII).
LOCK_KEY = 0x636F756E7473676E

# Two processes may start at once: the second waits here and then finds nothing left to do.
LOCK = text("SELECT pg_advisory_lock(:key)")
UNLOCK = text("SELECT pg_advisory_unlock(:key)")


def upgrade(engine: Engine, *, running: URL | None = None) -> None:
    """Bring the tables to the newest version. Safe when several processes do it at once, and when repeated.

    `running` is the address with which Countersign runs: its role gets what `grants` says. None: the same role
    migrates and runs. Raises DatabaseUnavailable when the tables were made by a newer Countersign,
    ConfigurationError where the role cannot be made or is the one that migrates.
    """
    with engine.connect() as guard:
        # Waiting for the other process takes as long as its migrations, not as long as a row lock may take.
        guard.execute(text("SET LOCAL lock_timeout = 0"))
        guard.execute(LOCK, {"key": LOCK_KEY})
        guard.commit()
        try:
            found = current_revision(engine)
            if found is not None and not is_known(found):
                raise DatabaseUnavailable(
                    f"the database's tables ({found}) were made by a newer Countersign",
                    hint="install the newer version here too",
                )
            with engine.begin() as connection:
                config = _config()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
            if running is not None and running.username is not None:
                grant_all(engine, running.username, password=running.password)
        finally:
            guard.execute(UNLOCK, {"key": LOCK_KEY})
            guard.commit()


def current_revision(engine: Engine) -> str | None:
    """Return the version of the database's tables, None when there are none."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@lru_cache(maxsize=1)
def head_revision() -> str:
    """Return the version that this program was written for."""
    head = _scripts().get_current_head()
    assert head is not None
    return head


def is_known(revision: str) -> bool:
    """Tell whether this program has the migration that made `revision`."""
    try:
        return _scripts().get_revision(revision) is not None
    except CommandError:
        return False


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
