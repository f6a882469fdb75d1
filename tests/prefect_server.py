"""Prefect's server for tests that need nothing else of a stack."""

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import httpx
from pydantic import SecretStr

from countersign.local.addresses import Addresses, child_environment
from countersign.local.child import Child, Program
from countersign.local.login import Login

READY_SECONDS = 180.0
AUTH = SecretStr("tests:a made-up password")


def login(api_url: str) -> httpx.Auth:
    """What lets an HTTP client in."""
    return Login(api_url, AUTH)


@contextmanager
def serve_prefect(database_url: str, folder: Path) -> Iterator[str]:
    """Serve Prefect's API from an empty database; yield its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        addresses = Addresses(
            state_dir=folder,
            database_url="",
            prefect_database_url=database_url,
            redis_url=None,
            port=listener.getsockname()[1],
            kubeconfig=None,
            prefect_auth=AUTH,
        )
        server = Child(
            Program(
                name="prefect-server",
                argv=(sys.executable, "-m", "countersign.local.prefect_server", str(listener.fileno())),
                environment={**child_environment(addresses), **addresses.server_environment()},
                ready=lambda _printed: _answers(addresses.api_url),
                folder=folder,
                descriptors=(listener.fileno(),),
            ),
            state_dir=folder,
        )
        server.start()
        try:
            give_up = time.monotonic() + READY_SECONDS
            while not server.is_ready():
                assert server.exit_code() is None, server.last_words()
                assert time.monotonic() < give_up, server.last_words()
                time.sleep(0.05)
            yield addresses.api_url
        finally:
            server.stop()


def _answers(api_url: str) -> bool:
    with suppress(URLError, OSError), urlopen(f"{api_url}/health", timeout=1) as answer:
        return bool(answer.status == 200)
    return False
