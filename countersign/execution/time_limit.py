"""End everything that is sent meanwhile at one moment, whatever the other side does.

The time limits of HTTP and mail clients are for each read, so a service whose answer drips byte by byte reaches none
of them. Here every connection that the block's own thread makes is shut down at the time limit, by whichever library
it was made; who reads from it finds its end. Connections of other threads are not touched.
"""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from os import dup
from threading import Event, Lock, Timer
from typing import Any


class _Connections:
    """The connections of one exchange."""

    def __init__(self) -> None:
        self.over = Event()
        self._lock = Lock()
        self._made: list[socket.socket] = []

    def add(self, connection: socket.socket) -> None:
        """Remember a connection that is about to be made. Raises TimeoutError after the time limit."""
        with self._lock:
            if self.over.is_set():
                raise TimeoutError("the time limit of the exchange is over")
            # A handle of our own: TLS takes the socket's away from it, and numbers of closed ones are given again.
            self._made.append(socket.socket(fileno=dup(connection.fileno())))

    def end(self) -> None:
        """Shut down what was made, and let nothing more be made."""
        with self._lock:
            self.over.set()
            for connection in self._made:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        """Give the handles back."""
        with self._lock:
            for connection in self._made:
                connection.close()


_connections: ContextVar[_Connections | None] = ContextVar("connections", default=None)


@contextmanager
def within(seconds: float) -> Iterator[Event]:
    """Shut down, after `seconds`, what this thread connects in the block; the event tells whether that happened."""
    _watch()
    connections = _Connections()
    token = _connections.set(connections)
    timer = Timer(seconds, connections.end)
    timer.daemon = True
    timer.start()
    try:
        yield connections.over
    finally:
        timer.cancel()
        _connections.reset(token)
        connections.forget()


@lru_cache(maxsize=1)
def _watch() -> None:
    # Python tells of every connection, before it is made, here (PEP 578); a hook stays for the life of the process.
    sys.addaudithook(_told)


def _told(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and (connections := _connections.get()) is not None:
        connections.add(arguments[0])
