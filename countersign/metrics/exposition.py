"""Showing the numbers: the registry of a process, and a small server for processes that have none.

Who may read them is asked by one token, which is compared in constant time.
"""

import hmac
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socket import AF_INET, AF_INET6
from threading import Thread
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from pydantic import SecretStr

from countersign import __version__
from countersign.errors import ConfigurationError
from countersign.metrics import audit, records, web, worker
from countersign.metrics.family import DECLARED, Kept, Process

PATH: Final = "/metrics"
READ_SECONDS: Final = 10.0
"""For a request, which is one line and a few headers."""
_ALL: Final = (audit, records, web, worker)
"""What is declared; named here so that nobody forgets to import it."""


def registry_of(process: Process, *others: Collector) -> CollectorRegistry:
    """Return a registry of what a process exposes, and of what `others` collect."""
    # Without a series for the time at which each began, which doubles them.
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    for family in DECLARED:
        if isinstance(family, Kept) and process in family.where:
            family.prepare()
            registry.register(family.collector)
    ProcessCollector(registry=registry)
    prometheus_client.Info("countersign_build", "What runs here.", registry=registry).info(
        {"version": __version__, "process": process.value}
    )
    for other in others:
        registry.register(other)
    return registry


def shown(registry: CollectorRegistry, accept: str | None) -> tuple[bytes, str]:
    """Return all numbers in the form that a reader takes, and the form's media type."""
    encode, media_type = choose_encoder(accept or "")
    return encode(registry), media_type


def may_read(authorization: str | None, token: SecretStr) -> bool:
    """Tell whether a request shows the token."""
    scheme, _, value = (authorization or "").partition(" ")
    wanted = token.get_secret_value().encode()
    return scheme.lower() == "bearer" and hmac.compare_digest(value.strip().encode(), wanted)


class MetricsServer:
    """Answers at `/metrics` and nowhere else, on a thread of its own."""

    def __init__(self, registry: CollectorRegistry, *, host: str, port: int, token: SecretStr | None) -> None:
        """Listen; port 0 is any free one. Raises ConfigurationError."""
        if token is None and not is_this_machine(host):
            raise ConfigurationError(
                f"metrics are not shown at {host} to everybody who reaches it",
                hint="set COUNTERSIGN_METRICS_TOKEN, or COUNTERSIGN_METRICS_HOST to 127.0.0.1",
            )
        handler = type("Handler", (_Handler,), {"registry": registry, "token": token})
        try:
            self._server = _Server((host, port), handler)
        except OSError as error:
            raise ConfigurationError(
                f"metrics cannot be shown at {host}:{port}: {error.strerror}",
                hint="set COUNTERSIGN_METRICS_PORT to a free port, another one for each worker of a machine",
            ) from None
        at = f"[{host}]" if ":" in host else host
        self.address = f"http://{at}:{self._server.server_address[1]}{PATH}"
        self._thread = Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


def is_this_machine(host: str) -> bool:
    """Tell whether an address is reached from this machine alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = AF_INET6 if ":" in address[0] else AF_INET
        super().__init__(address, handler)


class _Handler(BaseHTTPRequestHandler):
    registry: CollectorRegistry
    token: SecretStr | None
    timeout = READ_SECONDS
    server_version = "countersign"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer one request."""
        if self.path.partition("?")[0] != PATH:
            self._answer(404, b"", "text/plain")
        elif self.token is not None and not may_read(self.headers.get("Authorization"), self.token):
            self._answer(401, b"", "text/plain")
        else:
            self._answer(200, *shown(self.registry, self.headers.get("Accept")))

    def _answer(self, status: int, body: bytes, media_type: str) -> None:
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Bearer realm="countersign metrics"')
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing: a scrape every few seconds is no news."""
