"""Signatures bind the whole request, and a request may say before when nothing is started."""

from countersign.records.migrations.running import run_file_beside

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
