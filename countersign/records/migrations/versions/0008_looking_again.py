"""What never left is on record as such, a plan can be made anew until something has left, and failures are looked at
again for as long as a request may live.
"""

from countersign.records.migrations.running import run_file_beside

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the file beside this one."""
    run_file_beside(__file__)
