"""Misbehaviour on demand: what the API server does to requests instead of answering them properly."""

import asyncio
import itertools
import re
import threading
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from countersign.errors import InvalidInput


class Effect(StrEnum):
    """What a fault does. "before" and "after" are about the request's effect on stored state."""

    ERROR = "error"
    """Answer with `code` and leave the state alone."""
    ERROR_AFTER = "error_after"
    """Let the request have its effect, then answer with `code`."""
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    """The effect happens, the answer is lost."""
    HANG = "hang"
    """Never answer and do nothing."""
    HANG_AFTER = "hang_after"
    """The effect happens, no answer ever comes."""
    DELAY = "delay"
    """Wait `seconds`, then go on as usual."""
    PAUSE_BEFORE = "pause_before"
    """Wait until released, then go on as usual."""
    PAUSE_AFTER = "pause_after"


_REASONS = {
    403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired", 422: "Invalid", 429: "TooManyRequests",
    500: "InternalError", 502: "", 503: "ServiceUnavailable", 504: "Timeout",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Which requests meet it, and what happens to them."""

    effect: Effect
    method: str | None = None
    """"PATCH", …; None is any method but GET, unless `reads`."""
    path: str = ""
    """A regular expression that the path must contain."""
    reads: bool = False
    """Also GET, where `method` names none."""
    dry_run: bool | None = False
    """False: dry runs are spared; True: only they are met; None: both."""
    nth: int = 1
    """The first matching request that is met, counting from 1."""
    count: int | None = 1
    """How many are met; None is all."""
    code: int = 500
    message: str = "the sandbox was told to fail"
    retry_after: int | None = None
    """Seconds, sent as Retry-After."""
    seconds: float = 1.0
    """Of a delay."""

    def __post_init__(self) -> None:
        try:
            re.compile(self.path)
        except re.error as error:
            raise InvalidInput(f"path is no regular expression: {error}") from None

    @property
    def reason(self) -> str:
        """The `Status` reason of `code`."""
        return _REASONS.get(self.code, "")

    def to_json(self) -> dict[str, Any]:
        """Return the fault as JSON values."""
        return asdict(self)


def fault_from_json(value: Any) -> Fault:
    """Read a fault. Raises InvalidInput naming what is wrong."""
    known = {each.name for each in fields(Fault)}
    if not isinstance(value, dict) or not value.keys() <= known:
        raise InvalidInput("a fault has other fields than it may have", hint=", ".join(sorted(known)))
    try:
        return Fault(**{**value, "effect": Effect(str(value.get("effect")))})
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"effect: {error}", hint=", ".join(Effect)) from None


@dataclass
class ActiveFault:
    """A fault that is set, with its counts."""

    identifier: int
    fault: Fault
    seen: int = 0
    """Matching requests so far."""
    met: int = 0
    """Requests that it was done to."""
    waiting: int = 0
    """Requests that wait for their release now."""
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def to_json(self) -> dict[str, Any]:
        """Return fault and counts as JSON values."""
        counts = {"id": self.identifier, "seen": self.seen, "met": self.met, "waiting": self.waiting}
        return {**counts, "fault": self.fault.to_json()}


class FaultBook:
    """The faults that are set. `add`, `clear` and `release` may be called from any thread."""

    def __init__(self) -> None:
        self._active: dict[int, ActiveFault] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None

    def add(self, fault: Fault) -> int:
        """Set a fault and return its number."""
        with self._lock:
            number = next(self._numbers)
            self._active[number] = ActiveFault(number, fault)
            return number

    def release(self, number: int) -> None:
        """Let everything go on that waits at the fault, and end it."""
        with self._lock:
            found = self._active.pop(number, None)
        if found is not None:
            self._set(found.released)

    def clear(self) -> None:
        """End all faults and let go what waits."""
        for number in list(self._active):
            self.release(number)

    def active(self) -> list[ActiveFault]:
        """Return the faults that are set, oldest first."""
        with self._lock:
            return list(self._active.values())

    def meet(self, method: str, path: str, *, dry_run: bool) -> ActiveFault | None:
        """Return the first fault that this request meets, counting it."""
        met: ActiveFault | None = None
        for active in self.active():
            fault = active.fault
            if not _matches(fault, method, path, dry_run=dry_run):
                continue
            active.seen += 1
            due = active.seen >= fault.nth and (fault.count is None or active.met < fault.count)
            if met is None and due:
                active.met += 1
                met = active
        return met

    def _set(self, event: asyncio.Event) -> None:
        if self.loop is None:
            event.set()
        else:
            self.loop.call_soon_threadsafe(event.set)


def _matches(fault: Fault, method: str, path: str, *, dry_run: bool) -> bool:
    if fault.method is None:
        by_method = fault.reads or method not in ("GET", "HEAD")
    else:
        by_method = fault.method.upper() == method
    by_dry_run = fault.dry_run is None or fault.dry_run is dry_run
    return by_method and by_dry_run and re.search(fault.path, path) is not None
