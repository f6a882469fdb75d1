"""What goes wrong meanwhile: processes killed or stopped, requests and commands that misbehave."""

import heapq
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from countersign.errors import CountersignError
from sandbox.cluster import Effect, Fault
from tests.faults.servers.place import Place

LONGEST_STOP_SECONDS = 25.0
HANG_SECONDS = 15.0
COMMANDS = (
    ("systemctl", "restart"),
    ("docker", "restart"),
    ("docker", "compose"),
    ("nginx", "-s"),
    ("docker", "container", "inspect"),
    ("systemctl", "show"),
)
WEIGHTS = {"worker": 6, "prefect-server": 2, "PostgreSQL": 1, "Valkey": 2, "cluster": 2, "host": 2}


class Trouble:
    """Makes one thing go wrong after the other; `counts` says what did."""

    def __init__(self, place: Place, chance: random.Random, *, workers: int) -> None:
        self.counts: Counter[str] = Counter()
        self._place = place
        self._chance = chance
        self._workers = workers
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def make_some(self) -> None:
        """Kill, stop or disturb something."""
        kind = self._chance.choices(("kill", "stop", "request", "command"), weights=(5, 3, 4, 2))[0]
        with suppress(CountersignError, OSError):
            match kind:
                case "kill":
                    self._kill()
                case "stop":
                    self._stop()
                case "request":
                    self._disturb_requests()
                case _:
                    self._disturb_commands()

    def tend(self) -> None:
        """Continue what was stopped for long enough, and end what hangs."""
        while self._later and self._later[0][0] <= time.monotonic():
            _, _, end = heapq.heappop(self._later)
            with suppress(CountersignError, OSError):
                end()

    def end(self) -> None:
        """Continue everything; nothing misbehaves any more."""
        while self._later:
            _, _, end = heapq.heappop(self._later)
            with suppress(CountersignError, OSError):
                end()
        with suppress(CountersignError, OSError):
            self._place.cluster().clear_faults()
        with self._place.host.state() as state:
            state["faults"] = []

    def _part(self) -> str:
        part = self._chance.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))[0]
        return f"worker-{self._chance.randint(1, self._workers)}" if part == "worker" else part

    def _kill(self) -> None:
        part = self._part()
        self._place.kill(part)
        self.counts[f"killed {part.partition('-')[0] if part.startswith('worker') else part}"] += 1

    def _stop(self) -> None:
        part = self._part()
        pid = self._place.kill(part, signal.SIGSTOP)
        self._after(self._chance.uniform(1, LONGEST_STOP_SECONDS), lambda: _continue(pid))
        self.counts[f"stopped {part.partition('-')[0] if part.startswith('worker') else part}"] += 1

    def _disturb_requests(self) -> None:
        effect = self._chance.choice(
            (
                Effect.ERROR,
                Effect.ERROR_AFTER,
                Effect.RESET_BEFORE,
                Effect.RESET_AFTER,
                Effect.HANG,
                Effect.HANG_AFTER,
                Effect.DELAY,
            )
        )
        code = self._chance.choice((429, 500, 503))
        fault = Fault(
            effect=effect,
            code=code,
            retry_after=1 if code == 429 else None,
            reads=self._chance.random() < 0.3,
            dry_run=None,
            count=self._chance.randint(1, 3),
            seconds=self._chance.uniform(0.1, 3),
        )
        number = self._place.cluster().add_fault(fault)
        self._after(HANG_SECONDS, lambda: self._place.cluster().release(number))
        self.counts[f"requests: {effect}"] += 1

    def _disturb_commands(self) -> None:
        kind = self._chance.choice(("cut", "die", "fail", "slow"))
        fault = {
            "kind": kind,
            "argv": list(self._chance.choice(COMMANDS)),
            "when": self._chance.choice(("before", "after")) if kind != "fail" else "before",
            "times": 1,
            "seconds": self._chance.uniform(0.1, 2),
            "code": 1,
            "message": "dial unix docker.sock: connection refused",
        }
        with self._place.host.state() as state:
            state["faults"] = [*(each for each in state["faults"] if each["times"]), fault]
        self.counts[f"commands: {kind}"] += 1

    def _after(self, seconds: float, end: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._later, (time.monotonic() + seconds, self._number, end))


def _continue(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
