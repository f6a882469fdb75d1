"""Migrate as the role that owns the tables, for the role that runs."""

from typing import NamedTuple

from sqlalchemy import make_url

from countersign.records.database.engine import connect
from countersign.records.database.migrate import current_revision, upgrade
from countersign.settings import Settings


class Migrated(NamedTuple):
    """The tables' version, before (None: there were none) and after."""

    before: str | None
    after: str | None


def migrate(settings: Settings) -> Migrated:
    """Bring the tables of `settings` to this program's version, and give the running role its rights.

    Without `database_owner_url` the running role migrates, owns the tables and so may do everything. Raises
    DatabaseUnavailable, ConfigurationError.
    """
    owner, running = settings.database_owner_url, settings.database_url
    engine = connect(owner or running, timeout=settings.database_timeout_seconds)
    try:
        before = current_revision(engine)
        upgrade(engine, running=make_url(running.get_secret_value()) if owner and running else None)
        return Migrated(before, current_revision(engine))
    finally:
        engine.dispose()
