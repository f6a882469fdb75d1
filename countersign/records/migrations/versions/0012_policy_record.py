"""The policy is a record: numbered, signed versions; each execution says by which one it was decided."""

from countersign.records.migrations.running import run_file_beside

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
