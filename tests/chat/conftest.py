"""An office whose requests are shown in chats."""

from collections.abc import Iterator

import pytest

from tests.chat.rooms import Rooms, rooms_of
from tests.execution.conftest import Office, cluster, household, office, running_cluster

__all__ = ["cluster", "household", "office", "running_cluster"]


@pytest.fixture
def rooms(office: Office) -> Iterator[Rooms]:
    with rooms_of(office) as found:
        yield found
