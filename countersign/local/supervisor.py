"""Keep child processes running: start them together, restart the one that dies, stop them in order.

Everything happens on one thread, because the kernel ties a child to the thread that started it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from countersign.errors import ConfigurationError
from countersign.local.child import Child
from countersign.logging import get_logger

CHECK_SECONDS = 0.05
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# A child that has run this long has recovered: its next death is the first again.
STEADY_SECONDS = 60.0

_log = get_logger(__name__)


@dataclass
class _Watched:
    child: Child
    deaths: int = 0
    launched: float = 0.0
    restart_at: float | None = None
    done: bool = field(default=False)


class Supervisor:
    """Runs `children` from `start` to `stop`. `tend` is called now and then, for what is not a child."""

    def __init__(self, children: Sequence[Child], *, tend: Callable[[], None] = lambda: None) -> None:
        self._watched = [_Watched(child) for child in children]
        self._tend = tend
        self._ready = threading.Event()
        self._leave = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self, *, timeout: float) -> None:
        """Start every child and return when all are ready.

        Raises ConfigurationError with the child's last words if one ends before that or `timeout` seconds pass.
        """
        self._thread.start()
        if not self._ready.wait(timeout):
            late = ", ".join(w.child.name for w in self._watched if not w.child.is_ready())
            self.stop()
            raise ConfigurationError(f"Not ready after {timeout:g} s: {late}.", hint="see the logs folder")
        if self._failure is not None:
            self.stop()
            raise self._failure

    def stop(self) -> None:
        """Stop the children, the last started first; all are told at once, so that they stop together."""
        self._leave.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def failure(self) -> Exception | None:
        """Why supervision ended by itself; None while all is well."""
        return self._failure

    def restarts(self, name: str) -> int:
        """Return how often the child `name` has died since it last ran steadily."""
        return next(w.deaths for w in self._watched if w.child.name == name)

    def _run(self) -> None:
        try:
            for watched in self._watched:
                _launch(watched)
            while not self._leave.wait(CHECK_SECONDS):
                self._tend()
                for watched in self._watched:
                    self._check(watched)
                if not self._ready.is_set() and all(w.done or w.child.is_ready() for w in self._watched):
                    self._ready.set()
        except Exception as error:  # noqa: BLE001 - the thread's boundary: start() raises it
            self._failure = error
            self._ready.set()
        finally:
            for watched in reversed(self._watched):
                watched.child.ask_to_stop()
            for watched in reversed(self._watched):
                watched.child.stop()

    def _check(self, watched: _Watched) -> None:
        now = time.monotonic()
        child = watched.child
        if watched.done:
            return
        if watched.restart_at is not None:
            if now >= watched.restart_at:
                watched.restart_at = None
                _launch(watched)
            return
        code = child.exit_code()
        if code is None:
            return
        if child.program.once and code == 0:
            watched.done = True
            return
        if not self._ready.is_set():
            raise ConfigurationError(
                f"{child.name} ended with {code} while starting: {child.last_words()}", hint=f"see {child.log}"
            )
        watched.deaths = 1 if now - watched.launched > STEADY_SECONDS else watched.deaths + 1
        pause = min(FIRST_PAUSE * 2 ** (watched.deaths - 1), LONGEST_PAUSE)
        _log.warning("child died, restarting", child=child.name, exit_code=code, pause=pause)
        watched.restart_at = now + pause


def _launch(watched: _Watched) -> None:
    watched.launched = time.monotonic()
    watched.child.start()
