"""Incidents, knowledge that can be searched, dispositions of anomalies."""

from countersign.records.migrations.running import run_file_beside

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
