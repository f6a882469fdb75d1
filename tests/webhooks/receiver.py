"""A receiver on loopback that believes what the library of Standard Webhooks verifies, and nothing else."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


@dataclass(frozen=True)
class Got:
    """A message whose signature counts."""

    id: str
    type: str
    data: Mapping[str, Any]
    body: str
    headers: Mapping[str, str]

    @property
    def event(self) -> int:
        return int(self.data["event"])


Reply = tuple[int, Mapping[str, str]]


@dataclass
class Receiver:
    """What it got, in the order in which it came; `reply` says what it answers."""

    secret: str = ""
    reply: Callable[[Got], Reply] = lambda _got: (204, {})
    got: list[Got] = field(default_factory=list)
    accepted: list[Got] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, headers = receiver.take(self.path, body, dict(self.headers))
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def take(self, path: str, body: str, headers: dict[str, str]) -> Reply:
        self.paths.append(path)
        try:
            message = Webhook(self.secret).verify(body, headers)
        except WebhookVerificationError as error:
            self.refused.append(str(error))
            return 400, {}
        lower = {name.lower(): value for name, value in headers.items()}
        got = Got(lower["webhook-id"], message["type"], message["data"], body, lower)
        assert json.loads(body) == message
        self.got.append(got)
        status, said = self.reply(got)
        if 200 <= status < 300:
            self.accepted.append(got)
        return status, said

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
