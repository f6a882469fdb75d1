"""The line between a browser and the web process. Cut, it ends connections and refuses new ones until mended."""

import selectors
import socket
import threading
from contextlib import suppress

TURN_SECONDS = 0.05
AT_A_TIME = 65_536


class Line:
    """Passes on what comes to an address of its own."""

    def __init__(self, to: int) -> None:
        """`to` is the port on this machine that is behind it."""
        self._to = to
        self._lock = threading.Lock()
        self._ends: dict[socket.socket, socket.socket] = {}
        self._listening: socket.socket | None = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._over = False
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """End every connection, and refuse new ones."""
        with self._lock:
            if self._listening is not None:
                self._listening.close()
                self._listening = None
            for end in self._ends:
                end.close()
            self._ends.clear()

    def mend(self) -> None:
        """Let them through again."""
        with self._lock:
            self._listening = socket.create_server(("127.0.0.1", self.port))

    def close(self) -> None:
        """End it."""
        self._over = True
        self._thread.join(60)
        self.cut()

    def _run(self) -> None:
        while not self._over:
            # Made afresh each turn: few are watched, and ends come and go under it.
            with selectors.DefaultSelector() as ready:
                with self._lock:
                    for each in (*self._ends, *([self._listening] if self._listening is not None else [])):
                        ready.register(each, selectors.EVENT_READ)
                if not ready.get_map():
                    threading.Event().wait(TURN_SECONDS)
                    continue
                found = [key.fileobj for key, _ in ready.select(TURN_SECONDS)]
                with self._lock:
                    for each in found:
                        if isinstance(each, socket.socket):
                            self._pass_on(each)

    def _pass_on(self, ready: socket.socket) -> None:
        if ready is self._listening:
            near, _ = ready.accept()
            far = socket.create_connection(("127.0.0.1", self._to))
            self._ends |= {near: far, far: near}
            return
        other = self._ends.get(ready)
        if other is None:
            return
        said = b""
        with suppress(OSError):
            said = ready.recv(AT_A_TIME)
            other.sendall(said)
        if not said:
            for end in (ready, other):
                self._ends.pop(end, None)
                end.close()
