"""Outcomes that a person has to find out are found without reading what is finished."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.execute("CREATE INDEX ix_execution_unknown_settled_at ON execution (settled_at) WHERE outcome = 'unknown'")
