"""A proxy in front of a cluster's API that loses one request on its way there, or one answer on its way back."""

import json
import threading
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import urllib3
import yaml
from pydantic import SecretStr

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "accept-encoding"}


class Loss(Enum):
    REQUEST = "the request never arrives"
    ANSWER = "the request has its effect, its answer is lost"


def is_dry(method: str, path: str, body: bytes) -> bool:
    """Tell whether a real API server stores nothing of this request.

    A DELETE's query counts only where there is no body (apiserver, endpoints/handlers/delete.go).
    """
    if method == "DELETE" and body:
        return json.loads(body).get("dryRun") == ["All"]
    return parse_qs(urlsplit(path).query).get("dryRun") == ["All"]


class LossyProxy:
    """Passes everything on; after `lose`, the next write (dry runs apart) meets that loss. A context manager."""

    def __init__(self, kubeconfig: str) -> None:
        document = yaml.safe_load(kubeconfig)
        self._upstream = document["clusters"][0]["cluster"]["server"].rstrip("/")
        # Whom to trust is not this proxy's question: it runs in tests, on loopback.
        self._pool = urllib3.PoolManager(cert_reqs="CERT_NONE", retries=False, timeout=20)
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._loss: Loss | None = None
        self.writes: list[tuple[str, str]] = []
        """Method and path of every write that reached the cluster, dry runs apart."""
        self.requests: list[tuple[str, str, bytes]] = []
        """Method, path with its query, and body of everything that came."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        document["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{self._server.server_address[1]}"}
        self.kubeconfig = SecretStr(yaml.safe_dump(document))

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._pool.clear()

    def lose(self, loss: Loss) -> None:
        self._loss = loss

    def _handler(proxy) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                write = self.command != "GET" and not is_dry(self.command, self.path, body)
                proxy.requests.append((self.command, self.path, body))
                loss, proxy._loss = (proxy._loss, None) if write else (None, proxy._loss)
                if loss is Loss.REQUEST:
                    self.close_connection = True
                    return
                headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
                if write:
                    proxy.writes.append((self.command, self.path.partition("?")[0]))
                url = proxy._upstream + self.path
                answer: Any = proxy._pool.request(self.command, url, body=body or None, headers=headers)
                if loss is Loss.ANSWER:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in _HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.data)))
                self.end_headers()
                self.wfile.write(answer.data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
