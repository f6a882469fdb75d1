"""The way to Redis: one client per process and address, short waits, and one error for everything wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from pydantic import SecretStr
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from countersign.errors import MemoryUnavailable

PREFIX = "countersign:"
TIMEOUT_SECONDS = 2.0
"""Of connecting and of each command: whoever waits for Redis holds something else."""


def open_memory(url: SecretStr | None) -> Redis:
    """Return the client for the Redis at `url`; nothing is sent yet. Raises MemoryUnavailable where none is named."""
    if url is None:
        raise MemoryUnavailable(
            "COUNTERSIGN_REDIS_URL is not set", hint="for example COUNTERSIGN_REDIS_URL=redis://localhost:6379/0"
        )
    return _client(url.get_secret_value())


@contextmanager
def asking() -> Iterator[None]:
    """Turn what goes wrong between here and Redis into MemoryUnavailable."""
    try:
        yield
    except RedisError as error:
        # The text of a failed connection may repeat the address, and with it a password.
        raise MemoryUnavailable(
            f"Redis does not answer ({type(error).__name__})", hint="bring it back; what waits for it is tried again"
        ) from None


@lru_cache(maxsize=8)
def _client(url: str) -> Redis:
    try:
        return Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
    except ValueError:
        raise MemoryUnavailable(
            "COUNTERSIGN_REDIS_URL cannot be read as an address",
            hint="for example redis://localhost:6379/0 or unix:///run/valkey.sock",
        ) from None
