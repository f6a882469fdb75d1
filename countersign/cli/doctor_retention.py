"""What `countersign doctor` says about what grows: months that are over, Prefect's runs, files of results."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from countersign.errors import ConfigurationError
from countersign.settings import Settings

KEEP_DAYS = 90
_DOCS = "docs/operations.md, Retention and archive"


def archive(settings: Settings) -> str:
    """Return how far the archive is. Raises ConfigurationError where an attempt was not ended."""
    from countersign.archive.moving import month_of  # noqa: PLC0415
    from countersign.cli.opened import records  # noqa: PLC0415
    from countersign.records.archive import files, oldest  # noqa: PLC0415
    from countersign.records.database.engine import transaction  # noqa: PLC0415

    with records(settings) as engine, transaction(engine) as session:
        known, first = files(session), oldest(session)
    left = [file.name for file in known if file.emptied_at is None]
    if left:
        raise ConfigurationError(
            f"{left[0]} is on record, and its rows are still in the tables",
            hint="run `countersign archive` where the file is",
        )
    until = month_of(datetime.now(UTC) - timedelta(days=KEEP_DAYS)).date()
    done = max((file.month for file in known), default=None)
    if first is None or month_of(first).date() >= until:
        return f"nothing is older than {KEEP_DAYS} days and a month"
    if done is None:
        return f"nothing was archived, and the oldest is of {first:%Y-%m}: `countersign archive --dry-run`"
    due = "" if (until - timedelta(days=1)).replace(day=1) <= done else "; the next are due: `countersign archive`"
    return f"months up to {done:%Y-%m} are archived in {len(known)} files{due}"


def prefect_keeps(settings: Settings) -> str:
    """Return for how long Prefect keeps what it shows. Raises ConfigurationError where it keeps every run."""
    from countersign.cli.doctor import ask_prefect  # noqa: PLC0415

    server = ask_prefect("/admin/settings")["server"]
    vacuum = server["services"]["db_vacuum"]
    if "flow_runs" not in _listed(vacuum["enabled"]):
        raise ConfigurationError(
            "Prefect's server keeps every run, so its database grows",
            hint=f"set PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED=events,flow_runs on the server ({_DOCS})",
        )
    runs, events = (_days(each["retention_period"]) for each in (vacuum, server["events"]))
    return f"runs are kept for {runs} days, events for {events}{_results(runs)}"


def _results(days: int) -> str:
    """Return what is said of files with runs' results that are older than the runs, on this machine."""
    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH  # noqa: PLC0415

    folder = PREFECT_LOCAL_STORAGE_PATH.value()
    old = 0 if folder is None else sum(_older(folder, time.time() - days * 86_400))
    return f"; {old} files in {folder} are older, which nobody removes ({_DOCS})" if old else ""


def _older(folder: Path, moment: float) -> Iterator[bool]:
    if folder.is_dir():
        for path in folder.iterdir():
            yield path.lstat().st_mtime < moment


def _listed(enabled: Any) -> set[str]:
    """Return what is pruned: a list, or, as older settings have it, all or the events alone."""
    if isinstance(enabled, bool):
        return {"events", "flow_runs"} if enabled else {"events"}
    return set(enabled or ())


def _days(period: Any) -> int:
    """Return whole days of seconds, or of a duration as pydantic spells it (P90D, PT24H)."""
    from pydantic import TypeAdapter  # noqa: PLC0415

    return TypeAdapter(timedelta).validate_python(period).days
