"""What follows from a receiver's answer."""

from datetime import UTC, datetime

import pytest

from countersign.records.states import WebhookResult
from countersign.webhooks.answers import MOST_ATTEMPTS, Answer, Decision, decide, seconds_asked

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def after(status: int | None, *, attempt: int = 1, retry_after: str | None = None) -> Decision:
    return decide(Answer(status, "x", retry_after), attempt=attempt, first_pause=5, now=NOW)


def test_pauses_grow_from_five_seconds_to_an_hour() -> None:
    pauses = [after(500, attempt=number).pause for number in range(1, MOST_ATTEMPTS)]
    assert pauses[:3] == [5, 15, 45]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 3600


def test_the_tenth_failure_is_the_last() -> None:
    assert after(500, attempt=MOST_ATTEMPTS - 1).result is WebhookResult.FAILED
    assert after(None, attempt=MOST_ATTEMPTS).result is WebhookResult.DEAD


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_success_is_one(status: int) -> None:
    assert after(status).result is WebhookResult.SENT


@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 418, 500, 503])
def test_everything_else_is_none(status: int | None) -> None:
    assert after(status).result is WebhookResult.FAILED


def test_gone_is_for_good() -> None:
    assert after(410) == Decision(WebhookResult.DEAD, gone=True)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("Sat, 31 Jan 2026 12:01:00 GMT", 60),
        ("Sat, 31 Jan 2026 11:00:00 GMT", 0),
        ("-1", 0),
        ("soon", 0),
        ("9" * 400, 0),
        ("²", 0),
        (None, 0),
    ],
)
def test_for_how_long_it_asks(said: str | None, seconds: float) -> None:
    assert seconds_asked(said, now=NOW) == seconds


def test_who_asks_for_too_long_is_asked_within_the_hour() -> None:
    assert after(503, retry_after="120").pause == 120
    assert after(429, retry_after="999999").pause == 3600
    assert after(500, retry_after="120").pause == 5
