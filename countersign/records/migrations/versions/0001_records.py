"""All tables, with the triggers that keep the records from being changed afterwards."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    """Run the file beside this one, as it stands."""
    # Straight through the driver: SQLAlchemy would look for parameters in the text.
    cursor = op.get_bind().connection.cursor()
    cursor.execute(STATEMENTS.read_text(encoding="utf-8"))
    cursor.close()
