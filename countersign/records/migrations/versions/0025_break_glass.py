"""Limits that two people lift for some minutes."""

from countersign.records.migrations.running import run_file_beside

revision = "0025"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
