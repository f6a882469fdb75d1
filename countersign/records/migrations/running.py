"""How a revision runs its SQL: the file beside it, as it stands."""

from pathlib import Path

from alembic import op


def run_file_beside(revision: str) -> None:
    """Run the .sql file beside the revision whose `__file__` this is."""
    # Straight through the driver: SQLAlchemy would look for parameters in the text.
    cursor = op.get_bind().connection.cursor()
    cursor.execute(Path(revision).with_suffix(".sql").read_text(encoding="utf-8"))
    cursor.close()
