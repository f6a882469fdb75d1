"""What a service answered to a message that Apprise sent.

Apprise tells only whether it worked. Whether another attempt may help, and when, is in the HTTP answer; so the one
function of `requests` through which all of its services send is listened to, by whoever asks for it in this thread.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache, wraps
from typing import Any

from countersign.errors import AddressForbidden, DeliveryFailed, DeliveryRefused

LONGEST_WAIT_SECONDS = 24 * 3600.0
LONGEST_BODY = 20_000
"""Bytes of an answer that are read."""


@dataclass(frozen=True)
class Answer:
    """One request's answer, or why there was none."""

    status: int | None = None
    retry_after: float | None = None
    """Seconds that the service asked to wait."""
    timed_out: bool = False


_answers: ContextVar[list[Answer] | None] = ContextVar("answers", default=None)


@contextmanager
def listening() -> Iterator[Sequence[Answer]]:
    """Collect the answers to what this thread sends with `requests` meanwhile."""
    _listen()
    answers: list[Answer] = []
    token = _answers.set(answers)
    try:
        yield answers
    finally:
        _answers.reset(token)


def error_for(answers: Sequence[Answer], *, late: bool = False, said: str = "") -> DeliveryFailed:
    """Return why a message was not delivered.

    `late` tells that the time limit of the exchange was over, `said` is what the sender itself told, without secrets.
    """
    answer = next((one for one in reversed(answers) if one.status is None or not _ok(one.status)), None)
    too_late = DeliveryFailed("The service did not answer in time; the message may have arrived.")
    match answer:
        case None | Answer(status=None) if late:
            return too_late
        case None:
            return DeliveryFailed(f"The message was not delivered{f': {said}' if said else ''}.")
        case Answer(status=None, timed_out=True):
            return too_late
        case Answer(status=None):
            return DeliveryFailed("The service cannot be reached.")
        case Answer(status=status) if status is not None:
            return error_for_status(status, retry_after=answer.retry_after)
    raise AssertionError("an answer has a status or none")


def error_for_status(status: int, *, retry_after: float | None = None, said: str = "") -> DeliveryFailed:
    """Return what an HTTP status that is no success means for the next attempt."""
    more = f": {said}" if said else ""
    match status:
        case 401 | 403 | 404 | 410:
            return DeliveryRefused(
                f"The service answers {status}{more}: its token or its address is wrong, or it does not let us in.",
                hint="correct the channel in the NotificationChannels block; `countersign channels test` tries it",
            )
        case 429:
            return DeliveryFailed(f"The service has had too many messages (429){more}.", retry_after=retry_after)
        case _ if status >= 500:
            return DeliveryFailed(f"The service answers {status}{more}.", retry_after=retry_after)
        case _:
            return DeliveryRefused(f"The service does not take the message ({status}){more}.")


def refused(reason: str) -> AddressForbidden:
    """Return that a message is not sent where its channel's address leads; `reason` is a clause about it."""
    return AddressForbidden(
        f"The message is not sent: {reason}.", hint="correct the channel in the NotificationChannels block"
    )


def retry_after(headers: Mapping[str, str], body: bytes, *, now: datetime | None = None) -> float | None:
    """Return the seconds that an answer asks to wait, from its header or, as Telegram and Discord do, its body."""
    said = headers.get("Retry-After") or headers.get("retry-after")
    if said is not None:
        return _seconds(said, now or datetime.now(UTC))
    try:
        document: Any = json.loads(body[:10_000])
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    parameters = document.get("parameters")
    value = (parameters if isinstance(parameters, dict) else document).get("retry_after")
    return _within(float(value)) if isinstance(value, int | float) else None


def _seconds(said: str, now: datetime) -> float | None:
    try:
        return _within(float(said))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return None
    return _within((at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())


def _within(seconds: float) -> float | None:
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS) if seconds == seconds else None  # noqa: PLR0124 - NaN


def _ok(status: int) -> bool:
    return 200 <= status < 300


@lru_cache(maxsize=1)
def _listen() -> None:
    import requests  # noqa: PLC0415 - only who sends needs it

    send = requests.Session.send

    @wraps(send)
    def observed(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        answers = _answers.get()
        if answers is None:
            return send(self, request, **options)
        try:
            response = send(self, request, **{**options, "stream": True})
        except requests.RequestException as error:
            answers.append(Answer(timed_out=isinstance(error, requests.ReadTimeout)))
            raise
        read_beginning(response)
        body = b"" if _ok(response.status_code) else response.content
        answers.append(Answer(response.status_code, retry_after(response.headers, body)))
        return response

    def read_beginning(response: requests.Response) -> None:
        # Its status is known, so an answer that ends too early is one, and one that does not end as well.
        body = bytearray()
        try:
            for piece in response.iter_content(1):
                body += piece
                if len(body) >= LONGEST_BODY:
                    break
        except requests.RequestException:
            pass
        # As requests itself leaves what it has read.
        response._content = bytes(body)
        response._content_consumed = True
        response.close()

    requests.Session.send = observed  # type: ignore[method-assign]
