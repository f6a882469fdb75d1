"""A proxy that acts as one user and keeps what was asked of the API server, as RBAC counts it, with its answer.

The translation of a request is the API server's own: k8s.io/apiserver, pkg/endpoints/request/requestinfo.go.
"""

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import urllib3
import yaml
from pydantic import SecretStr

from countersign.targets.kubernetes.rights import Right

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "accept-encoding", "authorization"}
_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class Asked:
    """One request that was about a resource."""

    right: Right
    status: int


def asked_of(method: str, url: str, status: int, *, home: str) -> Asked | None:
    """Return what a request asks for; None for discovery and reviews of one's own rights, which all may ask.

    What is asked in another namespace than `home` needs a right everywhere.
    """
    split = urlsplit(url)
    parts = split.path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, rest = "", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, rest = parts[1], parts[3:]
    else:
        return None
    if group == "authorization.k8s.io":
        return None
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        rest = rest[2:] if len(rest) > 2 else rest
    resource, name = rest[0], rest[1] if len(rest) > 1 else None
    verb = _VERBS[method]
    if verb == "get" and name is None:
        verb = "watch" if parse_qs(split.query).get("watch", ["false"])[0] in ("true", "1") else "list"
    if verb == "delete" and name is None:
        verb = "deletecollection"
    if len(rest) > 2:
        resource = f"{resource}/{rest[2]}"
    return Asked(Right(group, resource, verb, everywhere=namespace != home), status)


class RecordingProxy:
    """Passes everything on with the token of one user, and records it. A context manager."""

    def __init__(self, kubeconfig: str, token: SecretStr, *, home: str) -> None:
        document = yaml.safe_load(kubeconfig)
        self._upstream = document["clusters"][0]["cluster"]["server"].rstrip("/")
        # Whom to trust is not this proxy's question: it runs in tests, on loopback.
        self._pool = urllib3.PoolManager(cert_reqs="CERT_NONE", retries=False, timeout=20, maxsize=16)
        self._token = token
        self._home = home
        self.asked: list[Asked] = []
        self._denied: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        document["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self._server.server_address[1]}"}
        document["users"] = [{"name": document["contexts"][0]["context"]["user"], "user": {}}]
        self.kubeconfig = SecretStr(yaml.safe_dump(document))

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._pool.clear()

    def forget(self) -> None:
        """Begin anew."""
        self.asked.clear()
        self._denied.clear()

    def refused(self) -> list[str]:
        """The requests that were answered with 403, discovery and its like among them."""
        return list(self._denied)

    def used(self) -> set[Right]:
        """The rights of the requests that were let through."""
        return {one.right for one in self.asked if one.status != 403}

    def _handler(proxy) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
                headers["Authorization"] = f"Bearer {proxy._token.get_secret_value()}"
                answer: Any = proxy._pool.request(
                    self.command,
                    proxy._upstream + self.path,
                    body=body or None,
                    headers=headers,
                    preload_content=False,
                )
                asked = asked_of(self.command, self.path, answer.status, home=proxy._home)
                if asked is not None:
                    proxy.asked.append(asked)
                if answer.status == 403:
                    proxy._denied.append(f"{self.command} {self.path}")
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in _HOP:
                        self.send_header(name, value)
                # A watch has no length; the client hears its end.
                self.send_header("Connection", "close")
                self.close_connection = True
                self.end_headers()
                try:
                    for chunk in answer.stream(65536, decode_content=False):
                        self.wfile.write(chunk)
                        self.wfile.flush()
                except (OSError, urllib3.exceptions.HTTPError):
                    pass
                finally:
                    answer.close()

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
