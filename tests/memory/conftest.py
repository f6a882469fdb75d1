"""A Redis client, and the check that nothing is left in Redis for ever."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from redis import Redis

from countersign.memory.connection import open_memory


@pytest.fixture
def redis(valkey_url: str) -> Iterator[Redis]:
    """The client for an empty Valkey. Every key that the test leaves must have an end."""
    client = open_memory(SecretStr(valkey_url))
    yield client
    without_end = [key for key in client.scan_iter("*") if client.ttl(key) < 0]
    assert without_end == []
