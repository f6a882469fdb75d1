"""`countersign archive`: move closed months to files, show what they hold, and verify them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from sqlalchemy import Engine, make_url

from countersign.archive.moving import Archiving, Estimate, Moved, month_of
from countersign.archive.reading import archived_rows, look_at_all
from countersign.cli.exit_codes import FAILED
from countersign.cli.opened import approval_named, open_records
from countersign.cli.options import By, acting
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.rendering import print_none
from countersign.cli.screen import say
from countersign.errors import InvalidInput
from countersign.escaping import visible
from countersign.masking import masked_values
from countersign.records.archive import files
from countersign.records.archive_rows import value_of
from countersign.records.database.engine import check_schema, connect, transaction
from countersign.secret_files import read_secret_file
from countersign.settings import Settings, load_settings
from countersign.texts import text

commands = typer.Typer(name="archive", help="Closed months, in files beside the database.")

KEEP_DAYS = 90
LEAST_DAYS = 35
"""What is counted anew, and what is asked about the last month, stays in the tables."""
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")

Folder = Annotated[
    Path | None,
    typer.Option("--dir", help="Folder of the files; COUNTERSIGN_ARCHIVE_DIR, else `archive` in the state folder."),
]


@commands.callback(invoke_without_command=True)
def move(
    context: typer.Context,
    before: Annotated[str | None, typer.Option(help="Months before this one, e.g. 2026-08.")] = None,
    keep_days: Annotated[
        int | None,
        typer.Option(min=LEAST_DAYS, help=f"Months that were over so many days ago; {KEEP_DAYS} unless said."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would move, and move nothing.")] = False,
    folder: Folder = None,
    by: By = None,
) -> None:
    """Move what is closed in months long past to files, and forget old answers, codes and sessions.

    As the role that owns the tables: COUNTERSIGN_DATABASE_OWNER_URL, or the stack's of this folder. Safe to repeat.
    """
    if context.invoked_subcommand is not None:
        return
    until = _until(before, keep_days, now=datetime.now(UTC))
    settings = load_settings()
    if dry_run:
        engine = open_records()
        _say_estimate(Archiving(engine, folder_of(settings, folder), by="").estimate(until), until)
        return
    with _as_owner(settings) as engine:
        archiving = Archiving(engine, folder_of(settings, folder), by=acting(by))
        done = [_said(moved) for moved in archiving.run(until)]
        if not done:
            say(text("archive.nothing", until=f"{until:%Y-%m}"))
        for table, count in archiving.forget().items():
            if count:
                say(text("archive.forgotten", count=count, table=table))


@commands.command("list", cls=Showing)
def list_files(output: Output = Format.TEXT) -> None:
    """List the files on record."""
    with transaction(open_records()) as session:
        found = files(session)
    if output.is_data:
        say_data([file.model_dump(mode="json") for file in found], output)
        return
    if not found:
        print_none("archive")
    for file in found:
        rows = sum(file.rows.values())
        state = "" if file.emptied_at is not None else f"  ({text('archive.not_emptied')})"
        line = text("archive.file", name=file.name, approvals=file.approvals, rows=rows, bytes=file.bytes)
        say(f"{line}{state}")
        if output.is_wide:
            say(f"    sha256 {file.sha256}  {file.written_at:%Y-%m-%d %H:%M:%S} UTC  {visible(file.written_by)}")


@commands.command(cls=Showing)
def show(
    approval: Annotated[str, typer.Argument(help="The approval's id, or its last 8 characters.", metavar="ID")],
    folder: Folder = None,
    output: Output = Format.TEXT,
) -> None:
    """Show what the archive holds of a request: timeline, steps, evidence, operation log, messages."""
    settings, engine = load_settings(), open_records()
    with transaction(engine) as session:
        approval_id = approval_named(session, approval)
    rows = archived_rows(engine, folder_of(settings, folder), approval_id)
    shown: list[dict[str, Any]] = [{"table": row.table, **masked_values(value_of(row.content))} for row in rows]
    if output.is_data:
        say_data(shown, output)
        return
    for row in shown:
        say(visible(_sentence(row)))


@commands.command(cls=Showing)
def verify(folder: Folder = None, output: Output = Format.TEXT) -> None:
    """Read every file, and compare it with its record and with the audit. Exit code 1 where one is not as written."""
    looked = look_at_all(open_records(), folder_of(load_settings(), folder))
    wrong = [each for each in looked if each.wrong is not None]
    if output.is_data:
        say_data([{"file": each.name, "rows": each.rows, "wrong": each.wrong} for each in looked], output)
    else:
        for each in looked:
            say(visible(f"{each.name}: {each.wrong or text('archive.as_written', rows=each.rows)}"))
        if not looked:
            print_none("archive")
    if wrong:
        raise typer.Exit(FAILED)


def folder_of(settings: Settings, given: Path | None) -> Path:
    """Return where the files are."""
    return given or settings.archive_dir or settings.state_dir / "archive"


def _until(before: str | None, keep_days: int | None, *, now: datetime) -> datetime:
    """Return the month from which on everything stays. Raises InvalidInput."""
    if before is None:
        return month_of(now - timedelta(days=keep_days or KEEP_DAYS))
    if keep_days is not None:
        raise InvalidInput("--before and --keep-days: give one of them")
    found = _MONTH.fullmatch(before.strip())
    if found is None:
        raise InvalidInput(f"--before: {before[:40]!r} is not a month", hint="for example 2026-08")
    until = datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC)
    if until > now - timedelta(days=LEAST_DAYS):
        raise InvalidInput(f"--before: the last {LEAST_DAYS} days stay in the database", hint="name an earlier month")
    return until


@contextmanager
def _as_owner(settings: Settings) -> Iterator[Engine]:
    engine = connect(owner_url_of(settings), timeout=settings.database_timeout_seconds)
    try:
        check_schema(engine)
        yield engine
    finally:
        engine.dispose()


def owner_url_of(settings: Settings) -> SecretStr | None:
    """Return the database's address as its owner, whose password a stack of this folder has in its trust folder."""
    from countersign.local.databases import OWNER, password_file  # noqa: PLC0415 - brings the embedded servers

    running = settings.database_url
    if settings.database_owner_url is not None or running is None:
        return settings.database_owner_url
    if settings.trust_dir is None or not (settings.trust_dir / password_file(OWNER)).is_file():
        return running
    password = read_secret_file(settings.trust_dir, password_file(OWNER)).decode()
    url = make_url(running.get_secret_value()).set(username=OWNER, password=password)
    return SecretStr(url.render_as_string(hide_password=False))


def _said(moved: Moved) -> str:
    line = text("archive.written", name=moved.name, approvals=moved.approvals, rows=moved.rows, bytes=moved.size)
    say(line)
    return line


def _say_estimate(found: Estimate, until: datetime) -> None:
    say(text("archive.would", until=f"{until:%Y-%m}", approvals=found.approvals, bytes=found.sizes.total()))
    for table, rows in sorted(found.rows.items()):
        say(f"  {table}: {rows} ({found.sizes[table]:,} B)")


def _sentence(row: dict[str, Any]) -> str:
    """One line for a row: what it says where it says something, and its values."""
    at = next(
        (str(row[name])[:19] for name in ("at", "taken_at", "ended_at", "closed_at", "sent_at") if row.get(name)), ""
    )
    if row["table"] == "timeline_event":
        return f"{at}  {row['title']}  {row['description']} ({row['actor']})".replace("\n", " ")
    rest = {name: value for name, value in row.items() if value not in (None, {}, [], "") and name != "table"}
    return f"{at}  {row['table']}: {rest}"
