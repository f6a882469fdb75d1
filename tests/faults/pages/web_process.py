"""The web process as `countersign up` runs it: on a socket that outlives it, killed and started again."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.faults.waiting import PATIENCE_SECONDS

ROOT = Path(__file__).parent.parent.parent.parent
PAUSE_SECONDS = 0.1


class WebProcess:
    """One at a time, all on the same address."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """`environment` holds the settings."""
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listening.getsockname()[1]
        self.address = f"http://localhost:{self.port}"
        self._environment = {**os.environ, **environment, "COUNTERSIGN_URL": self.address}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, without waiting for it."""
        descriptor = self._listening.fileno()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "countersign.web", str(descriptor)],
            env=self._environment,
            cwd=ROOT,
            pass_fds=(descriptor,),
        )

    def wait(self) -> float:
        """Wait until it can do its work; return the moment, by the monotonic clock."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=PATIENCE_SECONDS).is_success:
                    return time.monotonic()
            except httpx.TransportError:
                pass
            assert time.monotonic() < give_up, "the web process is not ready"
            time.sleep(PAUSE_SECONDS)

    def kill(self) -> None:
        """Kill it as kill -9 does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def kill_after(self, seconds: float) -> threading.Thread:
        """Kill it in so many seconds, and start it again at once; the thread ends with that."""

        def later() -> None:
            time.sleep(seconds)
            self.kill()
            self.start()

        found = threading.Thread(target=later)
        found.start()
        return found

    def close(self) -> None:
        """End it for good."""
        self.kill()
        self._listening.close()
