"""Working memory: hot copies of incidents, each with the version of the row that it was made of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis

from countersign.memory.connection import PREFIX, asking

# Keep a copy unless there is a younger one: whoever was slow must not bring back what was before.
KEEP = """
local there = redis.call('HGET', KEYS[1], 'version')
if there and tonumber(there) > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'document', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""


@dataclass(frozen=True)
class Copy:
    """A copy, good as long as its version is the row's."""

    version: int
    document: Mapping[str, Any]


class WorkingMemory:
    """The copies in one Redis. Every method raises MemoryUnavailable when Redis cannot be asked."""

    def __init__(self, redis: Redis, *, seconds: float) -> None:
        """Keep copies in `redis` for `seconds`."""
        self._redis = redis
        self._milliseconds = round(seconds * 1000)

    def keep(self, name: str, copy: Copy) -> bool:
        """Keep the copy of the incident `name`; False if a younger one is there."""
        arguments = (copy.version, json.dumps(copy.document, ensure_ascii=False), self._milliseconds)
        with asking():
            return bool(self._redis.eval(KEEP, 1, _key(name), *map(str, arguments)))

    def recall(self, name: str) -> Copy | None:
        """Return the copy of the incident `name`, None where there is none that can be read."""
        with asking():
            found: Mapping[str, str] = self._redis.hgetall(_key(name))  # type: ignore[assignment]
        try:
            return Copy(int(found["version"]), json.loads(found["document"]))
        except (KeyError, ValueError):
            return None

    def forget(self, name: str) -> None:
        """Drop the copy."""
        with asking():
            self._redis.delete(_key(name))


def _key(name: str) -> str:
    return f"{PREFIX}incident:{name}"
