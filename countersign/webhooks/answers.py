"""What follows from a receiver's answer: sent, tried again after a pause, given up, or gone. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from countersign.records.states import WebhookResult

MOST_ATTEMPTS: Final = 10
LONGEST_PAUSE: Final = 720
"""Times the first pause: an hour for 5 seconds."""
_GONE: Final = 410
_ASK_TO_WAIT: Final = frozenset({429, 503})


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int | None
    """None where nothing was answered."""
    error: str = ""
    """Why not; without the address, which may be a secret."""
    retry_after: str | None = None


@dataclass(frozen=True)
class Decision:
    """What is done about it."""

    result: WebhookResult
    pause: float = 0.0
    """Seconds until the same event is tried again."""
    gone: bool = False
    """The webhook is told of nothing any more."""


def decide(answer: Answer, *, attempt: int, first_pause: float, now: datetime) -> Decision:
    """Return what follows from the answer to an attempt, the first of which is 1."""
    if answer.status is not None and 200 <= answer.status < 300:
        return Decision(WebhookResult.SENT)
    if answer.status == _GONE:
        return Decision(WebhookResult.DEAD, gone=True)
    if attempt >= MOST_ATTEMPTS:
        return Decision(WebhookResult.DEAD)
    longest = first_pause * LONGEST_PAUSE
    pause = min(first_pause * 3.0 ** (attempt - 1), longest)
    if answer.status in _ASK_TO_WAIT:
        # Whoever asks for longer than the longest pause would keep everything behind it waiting.
        pause = min(max(pause, seconds_asked(answer.retry_after, now=now)), longest)
    return Decision(WebhookResult.FAILED, pause=pause)


def seconds_asked(retry_after: str | None, *, now: datetime) -> float:
    """Return for how long an answer asks to be left alone (RFC 9110, 10.2.3), 0 where it does not say."""
    if retry_after is None:
        return 0.0
    said = retry_after.strip()
    if said.isascii() and said.isdigit() and len(said) < 10:
        return float(said)
    try:
        when = parsedate_to_datetime(said)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())
