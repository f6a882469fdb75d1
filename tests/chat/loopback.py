"""An HTTP server on this machine that speaks JSON, for the chats' stand-ins."""

import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Handle = Callable[[str, str, Mapping[str, str], Any], tuple[int, Any, dict[str, str]]]
"""From method, path, headers (in lower case) and body to status, body and headers."""


class Loopback:
    """Serves until it is closed."""

    def __init__(self, handle: Handle) -> None:
        def answer(self: BaseHTTPRequestHandler) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body, more = handle(self.command, self.path, headers, json.loads(raw) if raw else None)
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {
                "content-type": "application/json",
                "content-length": str(len(content)),
                **more,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        methods = {f"do_{name}": answer for name in ("GET", "POST", "PATCH")}
        handler = type("Handler", (BaseHTTPRequestHandler,), {**methods, "log_message": lambda *_: None})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)
