"""Serving the application with uvicorn: on an address, or on a socket that a supervisor has opened."""

import socket
import ssl
from collections.abc import Sequence
from typing import Final

import uvicorn
from fastapi import FastAPI

from countersign.settings import Settings
from countersign.web.app import create_app
from countersign.web.peers import KnownPeer
from countersign.web.tls import context_of
from flows.wiring import open_web_services

KEEP_ALIVE_SECONDS: Final = 5
GRACE_SECONDS: Final = 3
"""What a process that was told to stop gives to the requests that it is answering."""
BACKLOG: Final = 1024
MOST_CONNECTIONS: Final = 1000


def serve(
    settings: Settings, *, host: str = "127.0.0.1", port: int = 8080, sockets: Sequence[socket.socket] = ()
) -> None:
    """Serve until SIGTERM: on `sockets` where there are some, else on `host` and `port`."""
    # A supervisor's socket is its own machine's, where it asks without TLS whether this process lives.
    tls = None if sockets else context_of(settings)
    config = config_of(create_app(open_web_services, settings), settings, host=host, port=port, tls=tls)
    uvicorn.Server(config).run(sockets=list(sockets) or None)


def config_of(
    app: FastAPI, settings: Settings, *, host: str, port: int, tls: ssl.SSLContext | None = None
) -> uvicorn.Config:
    """Return how an application is served: with TLS where there is a context for it."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        server_header=False,
        date_header=True,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        limit_concurrency=MOST_CONNECTIONS,
        backlog=BACKLOG,
        http=KnownPeer,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
        ws="none",
        # Who comes from where is a header's to say only if a proxy of one's own has written it.
        proxy_headers=bool(settings.web_proxies),
        forwarded_allow_ips=list(settings.web_proxies),
    )
