"""The cable between a client and the sandbox's SSH server, which can be cut while bytes are on it."""

import contextlib
import socket
import threading
from functools import partial

from sandbox.hosts.listening import Listener


class Wire:
    """A TCP relay on a free loopback port. `cut` ends every connection at once, as a broken network does."""

    def __init__(self, server_port: int, *, port: int = 0) -> None:
        self._server_port = server_port
        self._listener = Listener(self._join, name="wire", port=port)
        self.port = self._listener.port
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.accepted = 0
        """Connections since the start."""
        self._listener.start()

    @property
    def open(self) -> int:
        """Connections that neither end has closed."""
        with self._lock:
            return len(self._open) // 2

    def cut(self) -> None:
        """End every connection now; new ones are accepted."""
        with self._lock:
            sockets, self._open = self._open, set()
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop accepting and end every connection."""
        self._listener.close()
        self.cut()

    def _join(self, client: socket.socket) -> None:
        """Carry bytes between `client` and the server until both directions have ended."""
        self.accepted += 1
        try:
            server = socket.create_connection(("127.0.0.1", self._server_port))
        except OSError:
            client.close()
            return
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {client, server}
        ends = threading.Barrier(2, action=partial(self._forget, client, server))
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=_relay, args=(source, sink, ends), daemon=True).start()

    def _forget(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._open -= set(sockets)
        for one in sockets:
            one.close()


def _relay(source: socket.socket, sink: socket.socket, ends: threading.Barrier) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
    ends.wait()
