"""What all three services can do for a request, and what they tell of a click."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx

from countersign.aftermath.notifications.answers import error_for_status, refused, retry_after
from countersign.aftermath.notifications.http_post import Posted, post
from countersign.aftermath.notifications.redaction import silence_foreign_loggers
from countersign.chat.card import Card
from countersign.errors import DeliveryFailed, DeliveryRefused
from countersign.execution.outward import guarded
from countersign.execution.time_limit import within
from countersign.records.states import ChatService

ANSWER_SECONDS: Final = 10.0
"""For all of the exchange with one service."""


class MessageGone(DeliveryRefused):
    """The message is not there any more, or is too old to be changed."""


@dataclass(frozen=True)
class Heard:
    """A click as its service tells it, once that has shown to be the service."""

    service: ChatService
    click_id: str
    workspace: str
    """Where the message is."""
    home: str
    """The workspace that the account is one of."""
    chat: str
    message: str
    account: str
    button: str | None
    """What the button carries; None for an answer to the question for a reason."""
    comment: str = ""
    reply: str = ""
    """With what the service lets the one who clicked be answered. It is kept nowhere."""
    is_form: bool = False
    """It was sent with a form that the button had opened."""


class ChatApp(Protocol):
    """An app of one service. It raises DeliveryFailed where another attempt may help, else DeliveryRefused."""

    service: ChatService

    def name(self) -> str:
        """Return what the service calls it."""

    def send(self, chat: str, card: Card, *, key: str) -> str:
        """Send a card and return the message's id. Where the service can, a second one with this key is the first."""

    def change(self, chat: str, message: str, card: Card) -> None:
        """Have a message show this card. Raises MessageGone."""

    def answer(self, heard: Heard, said: str) -> None:
        """Say something to the one who clicked, and nobody else."""

    def ask_reason(self, heard: Heard, said: str) -> str:
        """Ask the one who clicked for a reason, and return the message's id."""


def exchange(
    service: str,
    address: str,
    value: Mapping[str, Any] | None,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> Posted:
    """Send JSON to a service. Raises DeliveryFailed, AddressForbidden; nothing of address or headers is repeated."""
    silence_foreign_loggers()
    with within(ANSWER_SECONDS) as late, guarded() as guard:
        try:
            return post(address, value, timeout=ANSWER_SECONDS, method=method, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if guard.refused:
                raise refused(guard.refused) from None
            if late.is_set() or isinstance(error, httpx.TimeoutException):
                raise DeliveryFailed(f"{service} did not answer in time.") from None
            raise DeliveryFailed(f"{service} cannot be reached.") from None


def failure_of(answer: Posted, said: str = "") -> DeliveryFailed:
    """Return what an answer that is no success means for the next attempt."""
    return error_for_status(answer.status, retry_after=retry_after(answer.headers, answer.body), said=said[:200])


def fitting(card: Card, write: Callable[[Card], Any], fits: Callable[[Any], bool]) -> Any:
    """Return the card as it is written, with as many of its fields as there is room for.

    One that lost a field lost its buttons.
    """
    written = write(card)
    count = len(card.fields)
    while not fits(written) and count:
        count -= 1
        written = write(card.shortened(count))
    return written
