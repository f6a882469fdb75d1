"""An archive: a folder, and the database as the role that owns its tables."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url

from countersign.archive.moving import Archiving
from countersign.records.database.engine import connect
from tests.databases import OWNER


@pytest.fixture
def owner_url(database_url: str) -> str:
    url = make_url(database_url).set(username=OWNER.name, password=OWNER.password.get_secret_value())
    return url.render_as_string(hide_password=False)


@pytest.fixture
def owner(owner_url: str) -> Iterator[Engine]:
    engine = connect(owner_url, timeout=5)
    yield engine
    engine.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
def archiving(owner: Engine, folder: Path) -> Archiving:
    return Archiving(owner, folder, by="alice", patience=60)
