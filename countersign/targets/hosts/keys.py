"""Approval keys: short-lived, good for one call of one tool, written by the executor and consumed by the gateway.

A key's name is the hash of what it is bound to, so a call can only ever find the key that was written for exactly
this call. Consuming is one GETDEL: of any number of callers one gets it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from countersign.canonical import canonical_json, sha256_of
from countersign.errors import GateRefused

KEY_SECONDS = 600
"""How long an unused key lives."""


@dataclass(frozen=True)
class KeyBinding:
    """What a key is good for."""

    project: str
    agent: str
    tool: str
    host: str
    parameters: tuple[tuple[str, str], ...]
    """(name, value), sorted by name."""
    run: str
    """The execution's identifier."""

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, the same for the same binding."""
        return {**asdict(self), "parameters": dict(self.parameters)}


def binding(*, project: str, agent: str, tool: str, host: str, parameters: Mapping[str, str], run: str) -> KeyBinding:
    """Return the binding of a call."""
    return KeyBinding(
        project=project, agent=agent, tool=tool, host=host, parameters=tuple(sorted(parameters.items())), run=run
    )


class ApprovalKeys:
    """The keys in one Redis. Both methods raise GateRefused (gate 5) when Redis cannot be asked."""

    def __init__(self, redis: Redis, *, prefix: str = "countersign:") -> None:
        self._redis = redis
        self._prefix = f"{prefix}gate-key:"

    @classmethod
    def connect(cls, url: str, *, prefix: str = "countersign:", timeout: float = 2) -> "ApprovalKeys":
        """Return the keys in the Redis at `url`; `timeout` (seconds) bounds connecting and each command."""
        redis = Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            # A GETDEL whose reply was lost has consumed the key: asking again could only find nothing.
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        return cls(redis, prefix=prefix)

    def write(self, key: KeyBinding) -> None:
        """Put the key there for KEY_SECONDS. Only the owner of a claimed execution may call this."""
        try:
            self._redis.set(self._name(key), canonical_json(key.to_json()), ex=KEY_SECONDS)
        except RedisError as error:
            raise _unavailable() from error

    def consume(self, key: KeyBinding) -> bool:
        """Take the key away; True if it was there."""
        try:
            found = self._redis.getdel(self._name(key))
        except RedisError as error:
            raise _unavailable() from error
        return found in (text := canonical_json(key.to_json()), text.encode())

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _name(self, key: KeyBinding) -> str:
        return self._prefix + sha256_of(key.to_json())


def _unavailable() -> GateRefused:
    return GateRefused(
        "The approval key cannot be checked because Redis does not answer; nothing was sent.",
        gate=5,
        gate_code="keys_unavailable",
        hint="bring Redis back and execute again: there is no way around this check",
    )
