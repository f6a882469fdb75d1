"""What counts as the owner finds the owner's tables, whatever the caller has made."""

from countersign.records.migrations.running import run_file_beside

revision = "0022"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
