"""What `countersign doctor` says about what grows."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from pydantic import SecretStr
from sqlalchemy import Engine

from countersign.archive.moving import Archiving, month_of
from countersign.cli import doctor
from countersign.cli.doctor_retention import archive, prefect_keeps
from countersign.errors import ConfigurationError
from countersign.settings import Settings
from tests.archive.test_cut_off import rejected_long_ago

UNTIL = month_of(datetime.now(UTC) - timedelta(days=40))


def test_how_far_the_archive_is(engine: Engine, database_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=SecretStr(database_url))
    assert "nothing is older" in archive(settings)
    rejected_long_ago(engine, 1, days=200)
    assert "nothing was archived" in archive(settings)
    archiving = Archiving(engine, tmp_path / "archive", by="alice")
    moved = list(archiving.run(UNTIL))
    assert "the next are due" in archive(settings)
    rejected_long_ago(engine, 1, days=100)
    with pytest.MonkeyPatch.context() as killed:
        killed.setattr(archiving, "_empty", lambda file: file)
        moved += list(archiving.run(UNTIL))
    with pytest.raises(ConfigurationError, match="still in the tables"):
        archive(settings)
    list(archiving.run(UNTIL))
    assert "archived in 2 files" in archive(settings)


@pytest.mark.stack
def test_how_long_prefect_keeps_runs_is_said(
    prefect_api: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The tests' server is set as `countersign up` sets its own."""
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path}):
        assert prefect_keeps(Settings()) == "runs are kept for 90 days, events for 7"
        (tmp_path / "old").touch()
        os.utime(tmp_path / "old", (0, time.time() - 91 * 86_400))
        assert f"1 files in {tmp_path} are older" in prefect_keeps(Settings())
    told = doctor.ask_prefect("/admin/settings")
    told["server"]["services"]["db_vacuum"]["enabled"] = ["events"]
    monkeypatch.setattr(doctor, "ask_prefect", lambda what: told)
    with pytest.raises(ConfigurationError, match="keeps every run"):
        prefect_keeps(Settings())
