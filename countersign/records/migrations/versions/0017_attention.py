"""What needs a person is found by indexes of its own, and pages hear of steps as they go on."""

from countersign.records.migrations.running import run_file_beside

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
