"""Who is told of what happens, and who files and signs by signed requests."""

from countersign.records.migrations.running import run_file_beside

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
