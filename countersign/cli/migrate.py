"""`countersign migrate`: bring the database's tables to this program's version."""

from countersign.cli.screen import say
from countersign.records.database import connect
from countersign.settings import settings


def run() -> None:
    """Bring the database's tables to this program's version. Safe to repeat, and from several machines at once."""
    # Alembic takes a tenth of a second to import, which every other command would pay.
    from countersign.records.migrate import current_revision, upgrade  # noqa: PLC0415

    current = settings()
    engine = connect(current.database_url, timeout=current.database_timeout_seconds)
    try:
        before = current_revision(engine)
        upgrade(engine)
        after = current_revision(engine)
    finally:
        engine.dispose()
    say(f"tables are up to date ({after})" if before == after else f"tables: {before or 'none'} -> {after}")
