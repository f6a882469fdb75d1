"""The audit: chained rows that are only ever added, their place in the sealed tree, and the signed checkpoints."""

from countersign.records.migrations.running import run_file_beside

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
