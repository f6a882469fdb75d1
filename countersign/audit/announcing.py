"""Tells the newest head to an address outside, where whoever changes the database cannot take it back."""

import time
from collections.abc import Callable

import httpx
from pydantic import SecretStr

from countersign.errors import DeliveryFailed

SECONDS_BETWEEN = 60.0
SECONDS_TO_ANSWER = 5.0
Send = Callable[[str], None]
"""Sends a signed note. Raises DeliveryFailed."""


class Announcing:
    """Sends each new head by `send`, once in `seconds_between` at most."""

    def __init__(
        self, send: Send, *, seconds_between: float = SECONDS_BETWEEN, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._send = send
        self._seconds_between = seconds_between
        self._clock = clock
        self._told = ""
        self._next = clock()

    def tell(self, note: str) -> bool:
        """Send the head if it is a new one and the last was told long enough ago; return whether it was sent.

        Raises DeliveryFailed; the same head is tried again after the pause.
        """
        if note == self._told or self._clock() < self._next:
            return False
        self._next = self._clock() + self._seconds_between
        self._send(note)
        self._told = note
        return True


def to_webhook(url: SecretStr) -> Send:
    """Return what posts a note as text to the webhook of `COUNTERSIGN_AUDIT_HEAD_WEBHOOK`."""

    def send(note: str) -> None:
        try:
            answer = httpx.post(
                url.get_secret_value(),
                content=note.encode("utf-8"),
                headers={"content-type": "text/plain; charset=utf-8"},
                timeout=SECONDS_TO_ANSWER,
                follow_redirects=False,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The address may hold a token: the error's own text may not be told.
            raise DeliveryFailed(
                f"the webhook for the audit's head could not be reached ({type(error).__name__})",
                hint="check COUNTERSIGN_AUDIT_HEAD_WEBHOOK",
            ) from None
        if not answer.is_success:
            raise DeliveryFailed(f"the webhook for the audit's head answered {answer.status_code}")

    return send
