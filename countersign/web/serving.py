"""Serving the application with uvicorn: on an address, or on a socket that a supervisor has opened."""

import socket
from collections.abc import Sequence
from typing import Final

import uvicorn

from countersign.settings import Settings
from countersign.web.app import create_app
from flows.wiring import open_services

KEEP_ALIVE_SECONDS: Final = 5
GRACE_SECONDS: Final = 3
"""What a process that was told to stop gives to the requests that it is answering."""
BACKLOG: Final = 1024
MOST_CONNECTIONS: Final = 1000


def serve(
    settings: Settings, *, host: str = "127.0.0.1", port: int = 8080, sockets: Sequence[socket.socket] = ()
) -> None:
    """Serve until SIGTERM: on `sockets` where there are some, else on `host` and `port`."""
    config = uvicorn.Config(
        create_app(open_services, settings),
        host=host,
        port=port,
        log_level="warning",
        server_header=False,
        date_header=True,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        limit_concurrency=MOST_CONNECTIONS,
        backlog=BACKLOG,
    )
    uvicorn.Server(config).run(sockets=list(sockets) or None)
