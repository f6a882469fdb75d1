"""Who gets in through the API and the pages, which requests were answered, and telling the pages what has changed."""

from countersign.records.migrations.running import run_file_beside

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
