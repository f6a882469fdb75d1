"""Serve Prefect's API on a socket that the supervisor has opened: `python -m … DESCRIPTOR`.

`prefect server start` takes a port number, which two stacks that start at once may both have found free. An
open socket belongs to one of them. It also outlives a restart of the server: clients wait instead of failing.
"""

import socket
import sys

import uvicorn
from prefect.server.api import middleware
from prefect.server.api.server import create_app
from prefect.server.database.dependencies import set_database_config
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL

from countersign.local.csrf import RememberingCsrf
from countersign.local.server_connections import LookedAt

# As `prefect server start` sets them.
KEEP_ALIVE_SECONDS = 5
WEBSOCKET_PING_SECONDS = 20.0


def serve(descriptor: int) -> None:
    """Serve until SIGTERM."""
    set_database_config(LookedAt(PREFECT_API_DATABASE_CONNECTION_URL.value()))
    # `create_app` takes the check of tokens from there.
    middleware.CsrfMiddleware = RememberingCsrf  # type: ignore[misc, assignment]
    config = uvicorn.Config(
        create_app(final=True),
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=3,
        ws_ping_interval=WEBSOCKET_PING_SECONDS,
        ws_ping_timeout=WEBSOCKET_PING_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    serve(int(sys.argv[1]))
