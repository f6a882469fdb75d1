"""What the commands work with: the same services as the flows, or the records alone."""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session

from countersign.cli.server import require_records
from countersign.errors import ConfigurationError, InvalidInput, NotFound
from countersign.execution.services import Services
from countersign.records.approvals import approvals_ending_in
from countersign.records.database.engine import EXAMPLE, check_schema, connect
from countersign.records.database.identifiers import id_from_text
from countersign.records.queries import execution_to_follow
from countersign.settings import Settings, load_settings

SHORT = re.compile(r"[0-9a-fA-F]{8}")


def open_for_commands() -> Services:
    """Connect to the records and load policy and cluster. Raises ConfigurationError, DatabaseUnavailable."""
    check_that_a_stack_is_named(load_settings())
    # Importing Prefect takes most of a second, which `countersign parse` and `--help` need not wait for.
    from flows.wiring import open_services  # noqa: PLC0415

    return asyncio.run(open_services())


def open_records() -> Engine:
    """Connect to the records alone: neither the kill switch nor what is on record waits for Prefect.

    Raises ConfigurationError, DatabaseUnavailable.
    """
    return _connected(load_settings())


@contextmanager
def records(settings: Settings) -> Iterator[Engine]:
    """Connect to the records of `settings` for a while. Raises what `open_records` raises."""
    engine = _connected(settings)
    try:
        yield engine
    finally:
        engine.dispose()


def _connected(settings: Settings) -> Engine:
    check_that_a_stack_is_named(settings)
    engine = connect(settings.database_url, timeout=settings.database_timeout_seconds)
    check_schema(engine)
    return engine


def check_that_a_stack_is_named(settings: Settings) -> None:
    """Raise ConfigurationError where neither this folder nor the environment says which stack is meant."""
    require_records(settings)
    if settings.database_url is None:
        raise ConfigurationError(
            "COUNTERSIGN_DATABASE_URL is not set, and no stack was started in this folder",
            hint="start one here with `countersign up`, name the state folder of a running one in "
            f"COUNTERSIGN_STATE_DIR, set for example {EXAMPLE}, or ask an API: --server URL --token-file FILE",
        )


def approval_named(session: Session, given: str) -> UUID:
    """Return the approval that `given` names: its id, or the last 8 characters of it where only one has those.

    Raises InvalidInput, NotFound.
    """
    return one_named(given, lambda end: approvals_ending_in(session, end))


def one_named(given: str, ending_in: Callable[[str], Sequence[UUID]]) -> UUID:
    """Return the approval that `given` names; `ending_in` finds those whose id ends in 8 characters.

    Raises InvalidInput, NotFound.
    """
    if SHORT.fullmatch(given) is None:
        return id_from_text(given, field="ID")
    found = ending_in(given.lower())
    if not found:
        raise NotFound(f"no approval's id ends in {given}", hint="`countersign approvals list` shows them")
    if len(found) > 1:
        raise InvalidInput(
            f"{len(found)} approvals end in {given}: {', '.join(map(str, found))}", hint="give the whole id"
        )
    return found[0]


def execution_named(session: Session, given: str) -> UUID:
    """Return the execution that `given` names: itself, or the one of the approval. Raises InvalidInput, NotFound."""
    return execution_to_follow(session, approval_named(session, given))
