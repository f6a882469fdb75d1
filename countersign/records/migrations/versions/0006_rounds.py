"""What rounds of reconciliation came to."""

from countersign.records.migrations.running import run_file_beside

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
