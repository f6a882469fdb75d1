"""An approval says how it is started; a run that cannot begin gives it back, and it waits."""

from countersign.records.migrations.running import run_file_beside

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
