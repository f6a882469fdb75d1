"""What a page or a step asks costs the same for a thousand records and for a million."""

from countersign.records.migrations.running import run_file_beside

revision = "0020"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
