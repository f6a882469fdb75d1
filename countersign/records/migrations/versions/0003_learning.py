"""What was learned: trust from verdicts, playbooks and their versions."""

from countersign.records.migrations.running import run_file_beside

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
