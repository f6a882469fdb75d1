"""A trust folder, a sealer on the test's database, and rows to seal."""

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine

from countersign.audit.notes import Sealer
from countersign.audit.sealing import Sealing
from countersign.records import audit
from countersign.records.audit import Event
from countersign.records.database.engine import transaction
from countersign.records.database.identifiers import new_id


@pytest.fixture
def key() -> Sealer:
    return Sealer(bytes(range(32)))


@pytest.fixture
def head_file(tmp_path: Path) -> Path:
    return tmp_path / "audit-head"


@pytest.fixture
def sealing(engine: Engine, key: Sealer, head_file: Path) -> Sealing:
    return Sealing(engine, key, head_file)


def append(engine: Engine, count: int, *, chain: UUID | None = None) -> UUID:
    """Append rows to one chain, each in a transaction of its own."""
    chain = chain or new_id()
    for number in range(count):
        with transaction(engine) as session:
            audit.record(session, Event.ACCESS_REFUSED, approval_id=chain, details={"number": number})
    return chain
