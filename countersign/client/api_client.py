"""Asking the API: one connection, one token, and errors of the same classes as everywhere."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final, Self
from uuid import uuid4

import httpx
from pydantic import SecretStr

from countersign.client.answers import error_in
from countersign.errors import ConfigurationError, StillRunning

PATIENCE_SECONDS: Final = 30.0
LONGEST_WAIT_SECONDS: Final = 50.0
"""One question that waits; a proxy in between ends what takes a minute."""
TRIES: Final = 4
ENDED: Final = frozenset({"executed", "failed", "rejected", "expired", "cancelled"})
Answer = dict[str, Any]


class Client:
    """The API at `url`, asked with `token`. Use it as a context manager, or close it."""

    def __init__(self, url: str, token: SecretStr, *, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/v1",
            headers={"Authorization": f"Bearer {token.get_secret_value()}"},
            timeout=httpx.Timeout(PATIENCE_SECONDS, read=PATIENCE_SECONDS + LONGEST_WAIT_SECONDS),
            follow_redirects=False,
            transport=transport,
        )
        self._url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return what is at `path`. Raises what its problem says, ConfigurationError if not reached."""
        return self._answer("GET", path, params={name: value for name, value in query.items() if value is not None})

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None) -> Any:
        """Have something done, once: the same request is sent again, with the same key, where its answer is lost."""
        headers = {"Idempotency-Key": key or uuid4().hex}
        return self._answer("POST", path, json=dict(body or {}), headers=headers)

    def file(self, action: str, *, key: str | None = None, **fields: Any) -> Answer:
        """File a request to perform `action`; `fields` are those of POST /v1/approvals."""
        found: Answer = self.post("/approvals", {"action": action, **fields}, key=key)
        return found

    def approval(self, approval_id: str) -> Answer:
        """Return an approval as it stands."""
        found: Answer = self.get(f"/approvals/{approval_id}")
        return found

    def approvals(self, *, limit: int = 20, **filters: Any) -> Iterator[Answer]:
        """Yield approvals, newest first, `limit` at most."""
        cursor, left = None, limit
        while left > 0:
            page = self.get("/approvals", limit=min(left, 100), cursor=cursor, **filters)
            yield from page["items"][:left]
            left -= len(page["items"])
            cursor = page["next"]
            if cursor is None:
                return

    def wait(self, approval_id: str, *, seconds: float) -> Answer:
        """Return the approval once it has ended, or as it stands when the time is over."""
        give_up = time.monotonic() + seconds
        while True:
            left = give_up - time.monotonic()
            found: Answer = self.get(f"/approvals/{approval_id}", wait=max(0.0, min(left, LONGEST_WAIT_SECONDS)))
            if found["status"] in ENDED or left <= 0:
                return found

    def _answer(self, method: str, path: str, **request: Any) -> Any:
        for attempt in range(1, TRIES + 1):
            last = attempt == TRIES
            try:
                answer = self._http.request(method, path, **request)
            except httpx.TransportError as error:
                if last:
                    raise ConfigurationError(
                        f"The API at {self._url} cannot be reached ({type(error).__name__}).",
                        hint="--server or COUNTERSIGN_URL names it",
                    ) from None
            else:
                if answer.is_success:
                    return answer.json() if answer.content else None
                error_found = error_in(answer)
                if last or not (isinstance(error_found, StillRunning) or answer.status_code in (502, 503, 504)):
                    raise error_found
            time.sleep(0.25 * 2**attempt)
        raise AssertionError("the last try returns or raises")
