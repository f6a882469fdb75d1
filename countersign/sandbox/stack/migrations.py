"""Bring Countersign's tables to this program's version: `python -m …`, as a process of its own.

Alembic and the tables take a second to import, which passes while Prefect's server starts.
"""

from countersign.records.database import connect
from countersign.records.migrate import upgrade
from countersign.settings import settings

if __name__ == "__main__":
    current = settings()
    engine = connect(current.database_url, timeout=current.database_timeout_seconds)
    upgrade(engine)
    engine.dispose()
