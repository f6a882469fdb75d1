"""Telegram: updates that its webhook brings (core.telegram.org/bots/api), and the few methods that a card needs.

Telegram signs nothing. What it sends has the secret that setWebhook was given, in X-Telegram-Bot-Api-Secret-Token. A
press of a button is a callback_query; the answer to the question for a reason is a message that replies to it.
"""

import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from countersign import escaping
from countersign.aftermath.notifications.markup import length
from countersign.aftermath.notifications.telegram import NOTHING_TO_REMOVE
from countersign.aftermath.notifications.telegram import Telegram as BotApi
from countersign.chat.app import ANSWER_SECONDS, Heard, MessageGone, fitting
from countersign.chat.card import Card, cut
from countersign.errors import DeliveryFailed, DeliveryRefused, InvalidInput, Unauthenticated
from countersign.execution.channels import TelegramBot
from countersign.records.states import ChatService

SECRET_HEADER: Final = "x-telegram-bot-api-secret-token"  # noqa: S105  (its name)
UPDATES: Final = ("callback_query", "message")
_TEXT: Final = 4_096
"""Characters of a message (sendMessage)."""
_ALERT: Final = 200
"""Characters of an answer to a press (answerCallbackQuery)."""


class Telegram:
    """A bot."""

    service = ChatService.TELEGRAM

    def __init__(self, bot: TelegramBot) -> None:
        self._api = BotApi(bot, timeout=ANSWER_SECONDS)

    def name(self) -> str:
        """Return the bot's name."""
        return self._api.name()

    def send(self, chat: str, card: Card, *, key: str) -> str:
        """Send a message and return its id. Telegram knows no key of ours."""
        del key
        return _message_id(self._api.ask("sendMessage", {"chat_id": chat, **message_of(card)}))

    def change(self, chat: str, message: str, card: Card) -> None:
        """Edit a message's text and buttons."""
        asked = {"chat_id": chat, "message_id": int(message), **message_of(card)}
        try:
            self._api.ask("editMessageText", asked)
        except DeliveryRefused as error:
            # As when a card's buttons are removed: there as it is to be, or not there any more.
            unchanged, *gone = NOTHING_TO_REMOVE
            if unchanged in error.message:
                return
            if any(said in error.message for said in gone):
                raise MessageGone("Telegram does not have the message any more.") from None
            raise

    def answer(self, heard: Heard, said: str) -> None:
        """Answer the press of a button, or in the chat to what was no press."""
        if heard.button is None:
            quoted = {"message_id": int(heard.reply), "allow_sending_without_reply": True}
            asked = {"chat_id": heard.chat, "text": escaping.html(said), "parse_mode": "HTML"}
            self._api.ask("sendMessage", {**asked, "reply_parameters": quoted})
            return
        answered = {"callback_query_id": heard.reply, "text": cut(escaping.plain(said), _ALERT), "show_alert": True}
        self._api.ask("answerCallbackQuery", answered)

    def ask_reason(self, heard: Heard, said: str) -> str:
        """Ask in the chat, for an answer of the one who pressed (ForceReply), and return the question's id."""
        who = f'<a href="tg://user?id={int(heard.account)}">{escaping.html(heard.account)}</a>'
        asked = {
            "chat_id": heard.chat,
            "text": f"{who}: {escaping.html(said)}",
            "parse_mode": "HTML",
            "reply_parameters": {"message_id": int(heard.message), "allow_sending_without_reply": True},
            "reply_markup": {"force_reply": True, "selective": True},
        }
        question = _message_id(self._api.ask("sendMessage", asked))
        # The clock on the button stops.
        self._api.ask("answerCallbackQuery", {"callback_query_id": heard.reply})
        return question

    def connect(self, address: str, secret: str) -> None:
        """Have Telegram send updates to `address`, with this secret (setWebhook)."""
        self._api.ask("setWebhook", {"url": address, "secret_token": secret, "allowed_updates": list(UPDATES)})


def hear_telegram(secret: str, headers: Mapping[str, str], body: bytes) -> Heard | None:
    """Return the click that Telegram tells, None for what is none of ours. Raises Unauthenticated, InvalidInput."""
    if not hmac.compare_digest(headers.get(SECRET_HEADER, "").encode(), secret.encode()):
        raise Unauthenticated(
            "This does not have the secret of the bot's webhook.", hint="`countersign chat connect`"
        )
    try:
        update = json.loads(body)
        if "callback_query" in update:
            return _press(update["callback_query"])
        return _answer(update["message"]) if "message" in update else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InvalidInput("update: is no press of a button") from None


def _press(query: dict[str, Any]) -> Heard | None:
    if "message" not in query or "data" not in query:
        return None
    return Heard(
        service=ChatService.TELEGRAM,
        click_id=str(query["id"]),
        workspace="",
        home="",
        chat=str(int(query["message"]["chat"]["id"])),
        message=str(int(query["message"]["message_id"])),
        account=str(int(query["from"]["id"])),
        button=str(query["data"]),
        reply=str(query["id"]),
    )


def _answer(message: dict[str, Any]) -> Heard | None:
    # Whoever writes in a chat's or a channel's name is nobody.
    if "reply_to_message" not in message or "sender_chat" in message or "text" not in message:
        return None
    chat, number = str(int(message["chat"]["id"])), str(int(message["message_id"]))
    return Heard(
        service=ChatService.TELEGRAM,
        click_id=f"{chat}:{number}",
        workspace="",
        home="",
        chat=chat,
        message=str(int(message["reply_to_message"]["message_id"])),
        account=str(int(message["from"]["id"])),
        button=None,
        comment=str(message["text"]),
        reply=number,
    )


def message_of(card: Card) -> dict[str, Any]:
    """Return the card as a message's text and buttons."""
    found: dict[str, Any] = fitting(card, _written, lambda written: length(written["text"]) <= _TEXT)
    return found


def _written(card: Card) -> dict[str, Any]:
    fields = [f"<b>{escaping.html(each.label)}:</b> {escaping.html(each.words)}" for each in card.fields]
    lines = [f"<b>{escaping.html(card.title)}</b>", *map(escaping.html, card.head), *fields]
    lines.append(escaping.html(card.foot))
    if card.link:
        lines.append(f'<a href="{escaping.html(card.link)}">{escaping.html(card.say("open"))}</a>')
    buttons = [{"text": each.label, "callback_data": each.value} for each in card.buttons]
    return {
        "text": "\n".join(lines),
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
        "reply_markup": {"inline_keyboard": [buttons] if buttons else []},
    }


def _message_id(result: Mapping[str, Any]) -> str:
    if not isinstance(result.get("message_id"), int):
        raise DeliveryFailed("Telegram did not confirm the message.")
    return str(result["message_id"])
