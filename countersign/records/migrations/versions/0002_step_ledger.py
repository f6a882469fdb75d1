"""The ledger of steps after an execution, dead letters, rollbacks."""

from countersign.records.migrations.running import run_file_beside

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
