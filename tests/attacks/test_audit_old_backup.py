"""Can restore the database from an older copy: what was done since then is gone, and everything fits."""

import pytest
from sqlalchemy import text

from countersign.errors import Tampered
from countersign.records.database.engine import transaction
from tests.attacks.conftest import Sql
from tests.attacks.trail import Trail, trail

__all__ = ["trail"]


COLUMNS = text(
    "SELECT column_name FROM information_schema.columns WHERE table_name = :name AND is_generated = 'NEVER'"
)
TABLES = ("audit_event", "audit_leaf", "audit_checkpoint", "approval", "signature", "execution", "journal_entry")


def test_an_older_copy_is_known_by_the_head(trail: Trail, as_owner: Sql) -> None:
    for table in TABLES:
        as_owner(f"CREATE TABLE copy_of_{table} AS SELECT * FROM {table}")
    trail.executes()
    for table in TABLES:
        as_owner(f"DELETE FROM {table}")
    for table in TABLES:
        with transaction(trail.engine) as session:
            columns = ", ".join(session.execute(COLUMNS, {"name": table}).scalars())
        as_owner(f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM copy_of_{table}")
        as_owner(f"DROP TABLE copy_of_{table}")
    sentences = trail.sentences()
    assert len(sentences) == 1, sentences
    assert "an older copy restored: the saved head tells of 29 rows, 22 are sealed here" in sentences[0]
    with pytest.raises(Tampered, match="22 sealed rows, and had 29") as caught:
        trail.seals()
    assert "countersign audit resume" in str(caught.value.hint)
