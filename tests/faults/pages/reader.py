"""A page that is open without a browser: it reads the list, follows its stream, and puts rows where they belong."""

import random
import re
import threading
import time
from collections.abc import Mapping
from html import unescape

import httpx

ROW = re.compile(r'<li (?:hx-swap-oob="true" )?id="row-([0-9a-f-]{36})".*?</li>', re.DOTALL)
STATE = re.compile(r'<span class="state[^>]*>(.*?)</span>', re.DOTALL)
STREAM = re.compile(r'hx-sse:connect="([^"]+)"')
PAUSE_SECONDS = 0.5
ANSWER_SECONDS = 60.0
SILENCE_SECONDS = 40.0
"""The server says something every 15 seconds."""


def rows_of(html: str) -> Mapping[str, str]:
    """Return what each row says of where its approval stands, by the approval's id."""
    found = {}
    for row in ROW.finditer(html):
        state = STATE.search(row[0])
        assert state is not None
        found[row[1]] = " ".join(re.sub(r"<[^>]+>", " ", state[1]).split())
    return found


class Reader:
    """One page that stays open until it is closed, in a thread of its own."""

    def __init__(self, address: str, cookie: str, path: str) -> None:
        self._http = httpx.Client(
            base_url=address,
            headers={"Cookie": cookie, "Accept-Language": "en"},
            timeout=httpx.Timeout(ANSWER_SECONDS, read=SILENCE_SECONDS),
        )
        page = self._http.get(path).raise_for_status().text
        self.rows = dict(rows_of(page))
        """What the page shows."""
        stream = STREAM.search(page)
        assert stream is not None
        self._stream, self._last = unescape(stream[1]), ""
        self.bytes = 0
        """That have come over the stream, as they were sent."""
        self._over = False
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Leave the page. Its thread ends with what comes next."""
        self._over = True

    def _follow(self) -> None:
        while not self._over:
            headers = {"HX-Request": "true"} | ({"Last-Event-ID": self._last} if self._last else {})
            try:
                with self._http.stream("GET", self._stream, headers=headers) as answer:
                    if answer.is_success:
                        self._take(answer)
            except httpx.TransportError:
                pass
            time.sleep(PAUSE_SECONDS * random.uniform(0.7, 1.3))

    def _take(self, answer: httpx.Response) -> None:
        before = self.bytes
        data: list[str] = []
        mark = event = ""
        for line in answer.iter_lines():
            self.bytes = before + answer.num_bytes_downloaded
            name, _, value = line.partition(": ")
            if name == "data":
                data.append(value)
            elif name == "id":
                mark = value
            elif name == "event":
                event = value
            elif not line:
                if data and not event:
                    self.rows.update(rows_of("\n".join(data)))
                    self._last = mark or self._last
                data, mark, event = [], "", ""
            if self._over:
                return
