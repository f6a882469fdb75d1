"""A proxy of the tests in front of a cluster's API: whoever derives from it decides what becomes of each request."""

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import urllib3
import yaml
from pydantic import SecretStr

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "accept-encoding"}


def is_dry(method: str, path: str, body: bytes) -> bool:
    """Tell whether a real API server stores nothing of this request.

    A DELETE's query counts only where there is no body (apiserver, endpoints/handlers/delete.go).
    """
    if method == "DELETE" and body:
        return bool(json.loads(body).get("dryRun") == ["All"])
    return parse_qs(urlsplit(path).query).get("dryRun") == ["All"]


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    """Without the query."""
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes

    @property
    def target(self) -> str:
        """The path with its query."""
        return f"{self.path}{'?' if self.query else ''}{self.query}"

    @property
    def is_dry_run(self) -> bool:
        """True for what leaves no trace, as a real API server reads it."""
        return is_dry(self.method, self.target, self.body)

    @property
    def is_write(self) -> bool:
        """True for what means to change something."""
        return self.method not in ("GET", "HEAD") and not self.is_dry_run


@dataclass(frozen=True)
class Reply:
    """What a client gets."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    promised: int | None = None
    """The Content-Length where it is not the body's; the connection ends after the body then."""


class PassingProxy:
    """Passes everything on to the cluster of the kubeconfig's current context. A context manager.

    Credentials go on as headers, so the kubeconfig's user needs a token.
    """

    def __init__(self, kubeconfig: str) -> None:
        document = yaml.safe_load(kubeconfig)
        context = next(each for each in document["contexts"] if each["name"] == document["current-context"])[
            "context"
        ]
        cluster = next(each for each in document["clusters"] if each["name"] == context["cluster"])
        self._upstream = cluster["cluster"]["server"].rstrip("/")
        # Whom to trust is not this proxy's question: it runs in tests, on loopback.
        self._pool = urllib3.PoolManager(cert_reqs="CERT_NONE", retries=False, timeout=20, maxsize=4)
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        cluster["cluster"] = {"server": f"http://127.0.0.1:{self._server.server_address[1]}"}
        self.kubeconfig = SecretStr(yaml.safe_dump(document))

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._pool.clear()

    def answer(self, request: Request) -> Reply | None:
        """Return what the client gets; None resets its connection."""
        return self.deliver(request)

    def deliver(self, request: Request) -> Reply:
        """Send the request to the cluster, and return its answer."""
        url = f"{self._upstream}{request.path}{'?' if request.query else ''}{request.query}"
        answer: Any = self._pool.request(
            request.method, url, body=request.body or None, headers=dict(request.headers)
        )
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
        return Reply(answer.status, answer.data, headers)

    def stream(self, handler: BaseHTTPRequestHandler, headers: Mapping[str, str]) -> None:
        """Pass a watch's answer on as it comes."""
        answer: Any = self._pool.request("GET", self._upstream + handler.path, headers=headers, preload_content=False)
        handler.send_response(answer.status)
        handler.send_header("Connection", "close")
        handler.end_headers()
        with suppress(OSError, urllib3.exceptions.HTTPError):
            for chunk in answer.stream(1 << 16, decode_content=False):
                handler.wfile.write(chunk)
        answer.close()

    def _handler(proxy) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one(self) -> None:
                path, _, query = self.path.partition("?")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
                if "watch=true" in query.split("&"):
                    self.close_connection = True
                    proxy.stream(self, headers)
                    return
                reply = proxy.answer(Request(self.command, path, query, headers, body))
                if reply is None:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body) if reply.promised is None else reply.promised))
                self.end_headers()
                self.wfile.write(reply.body)
                self.close_connection = self.close_connection or reply.promised is not None

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
