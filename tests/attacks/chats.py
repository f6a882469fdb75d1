"""Chats that are attacked: requests in them, and a look at whether anything came of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.attacks.conftest import audited
from tests.attacks.doors import nothing_changes
from tests.chat.rooms import Rooms, rooms_of
from tests.execution.conftest import Office

__all__ = ["nothing_counts", "refusals", "rooms"]


@pytest.fixture
def rooms(office: Office) -> Iterator[Rooms]:
    """Requests shown in three chats."""
    with rooms_of(office) as found:
        yield found


def refusals(rooms: Rooms) -> int:
    """Return how many clicks the audit says were refused."""
    return audited(rooms.house.office, "chat").count("chat:click:refused")


@contextmanager
def nothing_counts(rooms: Rooms, *, told: int) -> Iterator[None]:
    """See that nothing is signed meanwhile, and that the audit is told so many times."""
    before = refusals(rooms)
    with nothing_changes(rooms.house):
        yield
    assert refusals(rooms) - before == told
