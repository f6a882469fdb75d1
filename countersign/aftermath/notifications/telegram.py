"""Telegram's Bot API, and the few methods of it that a card's reply needs.

An error never shows the request's address: the bot's token is part of it.
"""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from countersign.aftermath.notifications.answers import error_for_status, refused, retry_after
from countersign.aftermath.notifications.cards import CardMessage
from countersign.aftermath.notifications.http_post import post
from countersign.aftermath.notifications.redaction import silence_foreign_loggers, without_secrets
from countersign.errors import DeliveryFailed, DeliveryRefused
from countersign.execution.channels import TelegramBot, bot_address
from countersign.execution.outward import guarded
from countersign.execution.time_limit import within

# What Telegram answers (400) to removing buttons that are gone, or from a message that is.
NOTHING_TO_REMOVE = ("message is not modified", "message to edit not found", "message can't be edited")


class Telegram:
    """One bot. Every method raises DeliveryFailed where another attempt may help, else DeliveryRefused."""

    def __init__(self, bot: TelegramBot, *, timeout: float) -> None:
        """`timeout` (seconds) bounds each request with its answer. Raises ConfigurationError."""
        silence_foreign_loggers()
        self._token = bot.token.get_secret_value()
        self._address = f"{bot_address(bot.api)}/bot{self._token}"
        self._timeout = timeout

    def name(self) -> str:
        """Return the bot's name."""
        return f"@{self.ask('getMe', {}).get('username', '?')}"

    def remove_buttons(self, card: CardMessage) -> None:
        """Take the buttons away; harmless where they are gone, or the message is."""
        asked = {"chat_id": card.chat, "message_id": card.message, "reply_markup": {"inline_keyboard": []}}
        try:
            self.ask("editMessageReplyMarkup", asked)
        except DeliveryRefused as error:
            if not any(said in error.message for said in NOTHING_TO_REMOVE):
                raise

    def reply(self, card: CardMessage, html: str) -> None:
        """Reply on the card, or in its chat where the card is gone."""
        quoted = {"message_id": card.message, "allow_sending_without_reply": True}
        asked = {"chat_id": card.chat, "text": html, "parse_mode": "HTML", "reply_parameters": quoted}
        self.ask("sendMessage", asked)

    def ask(self, method: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Call a method and return its result, {} where that is no object."""
        with within(self._timeout) as late, guarded() as guard:
            try:
                answer = post(f"{self._address}/{method}", asked, timeout=self._timeout)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                if guard.refused:
                    raise refused(guard.refused) from None
                if late.is_set() or isinstance(error, httpx.TimeoutException):
                    raise DeliveryFailed(f"Telegram did not answer {method} in time.") from None
                raise DeliveryFailed(f"Telegram cannot be reached for {method}.") from None
        document = _document(answer.body)
        if answer.ok and document.get("ok") is True:
            result = document.get("result")
            return result if isinstance(result, dict) else {}
        said = without_secrets(str(document.get("description") or ""), f"bot://{self._token}")[:200]
        if answer.ok:
            raise DeliveryFailed(f"Telegram did not confirm {method}.")
        raise error_for_status(answer.status, retry_after=retry_after(answer.headers, answer.body), said=said)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
