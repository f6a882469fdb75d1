"""Which message an alert's card is, and what may be done with it."""

import json
import re
from dataclasses import dataclass
from typing import Any, Protocol

_CHAT = re.compile(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64}")
_MESSAGE = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class CardMessage:
    """One message in one chat."""

    chat: str
    message: int


class CardReplies(Protocol):
    """A service that cards are posted to. Telegram is one."""

    def remove_buttons(self, card: CardMessage) -> None:
        """Take the card's buttons away; harmless to repeat."""

    def reply(self, card: CardMessage, html: str) -> None:
        """Reply on the card with a text in Telegram's HTML."""


def read_card(kept: str, *, chat: str | None) -> CardMessage | None:
    """Read what is kept as a card's id; None where it names no message.

    It is "chat:message", a JSON object with chat_id and message_id, or the message's number alone, which is then in
    the chat `chat`. A chat is a number, negative for groups, or @name.
    """
    kept = kept.strip()
    if kept.startswith("{"):
        return _from_json(kept, chat)
    head, colon, tail = kept.rpartition(":")
    return _card(head if colon else chat, tail)


def _from_json(kept: str, chat: str | None) -> CardMessage | None:
    try:
        document: Any = json.loads(kept)
    except (ValueError, RecursionError):
        return None
    named = document.get("chat_id", chat)
    return _card(None if named is None else str(named), str(document.get("message_id", "")))


def _card(chat: str | None, message: str) -> CardMessage | None:
    chat = (chat or "").strip()
    if _CHAT.fullmatch(chat) is None or _MESSAGE.fullmatch(message) is None:
        return None
    return CardMessage(chat, int(message))
