"""Approval keys: short-lived, good for one call of one tool, written by the executor and consumed by the gateway.

A key's name is the hash of what it is bound to, so a call can only ever find the key that was written for exactly
this call. Consuming is one GETDEL: of any number of callers one gets it.

Whoever can write to Redis could put one there. So each carries a MAC over its binding and its end; the secret for it
is not in Redis. A key that was taken opens nothing when it is put back: not here, where it is remembered, and not
after a take-over, which is another session.
"""

import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from secrets import token_hex
from typing import Any, Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from countersign.canonical import canonical_json, sha256_of
from countersign.errors import GateRefused

KEY_SECONDS: Final = 600
"""How long an unused key lives."""
SECRET_FILE: Final = "gate.key"  # noqa: S105 - a file's name
"""Where the trust folder has the secret of the keys' MACs."""
FORGED: Final = "key_forged"
"""The code of gate 5 for a key that an executor did not write for this call."""
_PURPOSE: Final = b"countersign gate key v1\n"


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
    session: str = ""
    """Who performs the run: another one after each take-over."""

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, the same for the same binding."""
        return {**asdict(self), "parameters": dict(self.parameters)}


def binding(
    *, project: str, agent: str, tool: str, host: str, parameters: Mapping[str, str], run: str, session: str = ""
) -> KeyBinding:
    """Return the binding of a call."""
    return KeyBinding(
        project=project,
        agent=agent,
        tool=tool,
        host=host,
        parameters=tuple(sorted(parameters.items())),
        run=run,
        session=session,
    )


class ApprovalKeys:
    """The keys in one Redis. Both methods raise GateRefused (gate 5) when Redis cannot be asked."""

    def __init__(
        self, redis: Redis, *, secret: bytes, prefix: str = "countersign:", clock: Callable[[], float] = time.time
    ) -> None:
        """`secret` makes the MACs; `clock` returns seconds since 1970."""
        self._redis = redis
        self._secret = secret
        self._prefix = f"{prefix}gate-key:"
        self._clock = clock
        self._taken: set[str] = set()

    @classmethod
    def connect(cls, url: str, *, secret: bytes, prefix: str = "countersign:", timeout: float = 2) -> "ApprovalKeys":
        """Return the keys in the Redis at `url`; `timeout` (seconds) bounds connecting and each command."""
        redis = Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            # A GETDEL whose reply was lost has consumed the key: asking again could only find nothing.
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        return cls(redis, secret=secret, prefix=prefix)

    def write(self, key: KeyBinding) -> None:
        """Put the key there for KEY_SECONDS. Only the owner of a claimed execution may call this."""
        end = int(self._clock()) + KEY_SECONDS
        number = token_hex(16)  # two keys for the same call, one after the other, are two keys
        written = canonical_json(
            {"binding": key.to_json(), "end": end, "number": number, "mac": self._mac(key, end, number)}
        )
        try:
            self._redis.set(self._name(key), written, ex=KEY_SECONDS)
        except RedisError as error:
            raise _unavailable() from error

    def consume(self, key: KeyBinding) -> bool:
        """Take the key away; True if it was there. Raises GateRefused where it is there and none of ours."""
        try:
            found = self._redis.getdel(self._name(key))
        except RedisError as error:
            raise _unavailable() from error
        if found is None:
            return False
        match _read(found):
            case (int(end), str(number), str(mac)) if _same(mac, self._mac(key, end, number)):
                if mac in self._taken:
                    raise _forged("was used before and put back")
                if end <= self._clock():
                    raise _forged("has ended")
                self._taken.add(mac)
                return True
        raise _forged("was not written by Countersign, or for another call")

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _name(self, key: KeyBinding) -> str:
        return self._prefix + sha256_of(key.to_json())

    def _mac(self, key: KeyBinding, end: int, number: str) -> str:
        signed = canonical_json({"binding": key.to_json(), "end": end, "number": number}).encode()
        return hmac.digest(self._secret, _PURPOSE + signed, "sha256").hex()


def _same(given: str, made: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), made.encode("ascii"))


def _read(written: str | bytes) -> tuple[Any, Any, Any]:
    """Return the end, the number and the MAC that `written` has, whatever they are."""
    try:
        document = json.loads(written)
    except (ValueError, RecursionError):
        return None, None, None
    if not isinstance(document, dict):
        return None, None, None
    return document.get("end"), document.get("number"), document.get("mac")


def _forged(why: str) -> GateRefused:
    return GateRefused(
        f"The approval key in Redis {why}; nothing was sent.",
        gate=5,
        gate_code=FORGED,
        hint="find out who can write to Redis: only an execution that holds its claim writes approval keys",
    )


def _unavailable() -> GateRefused:
    return GateRefused(
        "The approval key cannot be checked because Redis does not answer; nothing was sent.",
        gate=5,
        gate_code="keys_unavailable",
        hint="bring Redis back and execute again: there is no way around this check",
    )
