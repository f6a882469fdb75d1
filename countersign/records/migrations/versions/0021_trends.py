"""What executions come to is counted by hours and days, in the transaction that settles each."""

from countersign.records.migrations.running import run_file_beside

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
