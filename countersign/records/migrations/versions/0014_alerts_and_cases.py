"""Alerts by their fingerprints, repairs by their approvals, cases by entry type, category, source and author."""

from countersign.records.migrations.running import run_file_beside

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
