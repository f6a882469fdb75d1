"""All tables, with the triggers that keep the records from being changed afterwards."""

from countersign.records.migrations.running import run_file_beside

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
