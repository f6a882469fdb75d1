"""Listening on the loopback interface: a thread that accepts, and an end to it."""

import contextlib
import socket
import threading
from collections.abc import Callable


class Listener:
    """Accepts connections on 127.0.0.1 and gives each to `accepted`; `port` 0 takes a free one."""

    def __init__(self, accepted: Callable[[socket.socket], None], *, name: str, port: int = 0) -> None:
        self._accepted = accepted
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name=f"{name}-{self.port}", daemon=True)

    def start(self) -> None:
        """Begin to accept; who connected before waits in the kernel's queue."""
        self._thread.start()

    def close(self) -> None:
        """Stop accepting; what was accepted stays open."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._accepted(client)
