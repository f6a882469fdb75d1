"""Closed months move to files: which file holds what, and rows that leave once one holds them."""

from countersign.records.migrations.running import run_file_beside

revision = "0024"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
