"""Requests shown in chats, and the clicks on them."""

from countersign.records.migrations.running import run_file_beside

revision = "0018"
down_revision = "0021"  # numbers are given out before their turn comes
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
