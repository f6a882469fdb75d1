"""`countersign migrate`: bring the database's tables to this program's version."""

from typing import Annotated

import typer
from pydantic import SecretStr

from countersign.cli.screen import say
from countersign.settings import settings


def run(
    owner_url: Annotated[
        str | None,
        typer.Option(
            help="The database's address as the role that its tables belong to, without a password (peer, pgpass); "
            "one with a password goes into COUNTERSIGN_DATABASE_OWNER_URL."
        ),
    ] = None,
) -> None:
    """Bring the tables to this program's version, and give the role in COUNTERSIGN_DATABASE_URL its rights.

    Safe to repeat, and from several machines at once.
    """
    # Alembic takes a tenth of a second to import, which every other command would pay.
    from sqlalchemy import make_url  # noqa: PLC0415

    from countersign.records.database.migrate_as_owner import migrate  # noqa: PLC0415

    current = settings()
    if owner_url is not None:
        if make_url(owner_url).password is not None:
            raise typer.BadParameter(
                "everybody on this machine can read a password in a command line; "
                "set COUNTERSIGN_DATABASE_OWNER_URL instead",
                param_hint="--owner-url",
            )
        current = current.model_copy(update={"database_owner_url": SecretStr(owner_url)})
    before, after = migrate(current)
    say(f"tables are up to date ({after})" if before == after else f"tables: {before or 'none'} -> {after}")
