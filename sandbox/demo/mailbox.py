"""Where the demonstration's messages arrive: a webhook receiver on this machine's loopback."""

import json
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

CHANNEL = "demo"
CHANNELS_BLOCK = "demo"
"""The block that holds it: of its own, so that the one a person filled in stays as it is."""


class Mailbox:
    """Takes every message, and lives as long as the process: executions after the table are told too."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._titles: Counter[str] = Counter()
        self._keys: Counter[str] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, name="mailbox", daemon=True).start()

    @property
    def address(self) -> str:
        """The mailbox as Apprise calls it."""
        return f"json://127.0.0.1:{self._server.server_port}/"

    @property
    def count(self) -> int:
        """How many messages have arrived."""
        with self._lock:
            return self._titles.total()

    @property
    def repeated(self) -> int:
        """How many of them had the key of an earlier one: its answer was lost, or too slow to be waited for."""
        with self._lock:
            return self._keys.total() - len(self._keys)

    @property
    def kinds(self) -> dict[str, int]:
        """How many messages there are by what their titles begin with, the most frequent first."""
        with self._lock:
            kinds = Counter[str]()
            for title, number in self._titles.items():
                kinds[title.partition(":")[0]] += number
            return dict(kinds.most_common())

    def _take(self, body: bytes, key: str) -> None:
        title = str(json.loads(body).get("title", ""))
        with self._lock:
            self._titles[title] += 1
            self._keys[key] += 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take = self._take

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                take(body, self.headers.get("Idempotency-Key") or "")
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler
