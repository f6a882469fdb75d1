"""Discord: interactions (discord.com/developers/docs/interactions), and the few requests that a card needs.

Discord signs what it sends: Ed25519 over timestamp and body, by the application's key; it tries whether wrong
signatures are refused with 401, and whether a PING is answered with a PONG (interactions/overview, "Preparing for
interactions"). Three seconds are given for an answer, fifteen minutes for what is said after it.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from countersign import escaping
from countersign.aftermath.notifications.markup import length
from countersign.chat.app import Heard, MessageGone, exchange, failure_of, fitting
from countersign.chat.card import Card, cut
from countersign.errors import DeliveryFailed, InvalidInput, Unauthenticated
from countersign.execution.chats import DiscordApp
from countersign.records.states import ChatService

REASON: Final = "reason"
WINDOW_SECONDS: Final = 300
PONG: Final = {"type": 1}
LATER: Final = {"type": 5, "data": {"flags": 64}}
"""The answer follows, for the one who clicked alone (interactions/receiving-and-responding)."""
_PING, _COMPONENT, _MODAL_SUBMIT = 1, 3, 5
_MODAL: Final = 9
_UNKNOWN_MESSAGE: Final = 10008
_TITLE: Final = 256
_DESCRIPTION: Final = 4_096
"""Characters of an embed's description (resources/message, "Embed limits")."""
_CONTENT: Final = 2_000
_MODAL_TITLE: Final = 45


@dataclass(frozen=True)
class AtOnce:
    """What is answered at once: a PONG, or the form that asks for a reason."""

    answer: Mapping[str, Any]


class Discord:
    """A bot in one server."""

    service = ChatService.DISCORD

    def __init__(self, app: DiscordApp) -> None:
        self._app = app

    def name(self) -> str:
        """Return the bot's name."""
        return str(self._ask("GET", "/users/@me", None).get("username", "?"))

    def send(self, chat: str, card: Card, *, key: str) -> str:
        """Make a message and return its id. A second one with this nonce is the first (resources/message)."""
        asked = {**message_of(card), "nonce": key[:25], "enforce_nonce": True}
        return str(self._ask("POST", f"/channels/{chat}/messages", asked)["id"])

    def change(self, chat: str, message: str, card: Card) -> None:
        """Edit a message."""
        self._ask("PATCH", f"/channels/{chat}/messages/{message}", message_of(card))

    def answer(self, heard: Heard, said: str) -> None:
        """Say what only they see, in the place of the answer that was to follow."""
        asked = {"content": cut(escaping.discord(said), _CONTENT), "allowed_mentions": {"parse": []}}
        self._ask("PATCH", f"/webhooks/{heard.reply}/messages/@original", asked)

    def ask_reason(self, heard: Heard, said: str) -> str:
        """Say that a form asks for it: there is no message."""
        self.answer(heard, said)
        return ""

    def _ask(self, method: str, path: str, asked: Mapping[str, Any] | None) -> dict[str, Any]:
        token = {"Authorization": f"Bot {self._app.token.get_secret_value()}"}
        answer = exchange("Discord", f"{self._app.api}{path}", asked, method=method, headers=token)
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            found = {}
        if not answer.ok:
            if answer.status == 404 and found.get("code") == _UNKNOWN_MESSAGE:
                raise MessageGone("Discord does not have the message any more.")
            raise failure_of(answer, escaping.visible(str(found.get("message", ""))))
        if "id" not in found:
            raise DeliveryFailed("Discord did not confirm it.")
        return found


def hear_discord(
    app: DiscordApp, headers: Mapping[str, str], body: bytes, *, now: float | None = None
) -> Heard | AtOnce | None:
    """Return the click that Discord tells, or what to answer at once; None for what is none of ours.

    Raises Unauthenticated, InvalidInput.
    """
    timestamp = headers.get("x-signature-timestamp", "")
    try:
        signature = bytes.fromhex(headers.get("x-signature-ed25519", ""))
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(app.public_key))
        key.verify(signature, timestamp.encode("utf-8") + body)
        # Discord gives no window: one that was kept back for long says nothing of now.
        late = abs((time.time() if now is None else now) - int(timestamp)) > WINDOW_SECONDS
    except (InvalidSignature, ValueError, UnicodeEncodeError):
        late = True
    if late:
        raise Unauthenticated("This was not signed by Discord for this application, or is not of this moment.")
    try:
        return _interaction(json.loads(body))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise InvalidInput("type: is no press of a button") from None


def reason_form(heard: Heard, title: str, label: str) -> Mapping[str, Any]:
    """Return the form that asks for a reason (components/using-modal-components); it carries what the button did."""
    entry = {"type": 4, "custom_id": REASON, "style": 2, "required": True, "max_length": 1000}
    components = [{"type": 18, "label": cut(label, 45), "component": entry}]
    return {
        "type": _MODAL,
        "data": {"custom_id": heard.button, "title": cut(title, _MODAL_TITLE), "components": components},
    }


def _interaction(given: dict[str, Any]) -> Heard | AtOnce | None:
    kind = given["type"]
    if kind == _PING:
        return AtOnce(PONG)
    if kind not in (_COMPONENT, _MODAL_SUBMIT) or "member" not in given:
        # A command, or a direct message, in which nothing of ours is.
        return None
    return Heard(
        service=ChatService.DISCORD,
        click_id=str(given["id"]),
        workspace=str(given["guild_id"]),
        home=str(given["guild_id"]),
        chat=str(given["channel_id"]),
        message=str(given["message"]["id"]),
        account=str(given["member"]["user"]["id"]),
        button=str(given["data"]["custom_id"]),
        comment=_reason(given["data"].get("components", ())) if kind == _MODAL_SUBMIT else "",
        reply=f"{int(given['application_id'])}/{_token(given['token'])}",
        is_form=kind == _MODAL_SUBMIT,
    )


def _reason(components: Any) -> str:
    """Return what was written into the form: its entry is in a label, or in a row of the older form."""
    for each in components:
        for entry in (each.get("component"), *each.get("components", ())):
            if entry is not None and entry.get("custom_id") == REASON:
                return str(entry["value"])
    return ""


def _token(given: Any) -> str:
    """Return an interaction's token, which becomes part of an address."""
    if not isinstance(given, str) or not given.replace("-", "").replace("_", "").isalnum() or not given.isascii():
        raise ValueError("is no token")
    return given


def message_of(card: Card) -> dict[str, Any]:
    """Return the card as a message with one embed."""
    found: dict[str, Any] = fitting(card, _written, _fits)
    return found


def _written(card: Card) -> dict[str, Any]:
    fields = [f"**{escaping.discord(each.label)}:** {escaping.discord(each.words)}" for each in card.fields]
    lines = [*map(escaping.discord, card.head), *fields, escaping.discord(card.foot)]
    embed: dict[str, Any] = {"title": cut(escaping.plain(card.title), _TITLE), "description": "\n".join(lines)}
    if card.link:
        embed["url"] = card.link
    styles = {"approve": 3, "reject": 4}
    buttons = [
        {"type": 2, "style": styles[name], "label": button.label, "custom_id": button.value}
        for name, button in (("approve", card.approve), ("reject", card.reject))
        if button is not None
    ]
    rows = [{"type": 1, "components": buttons}] if buttons else []
    return {"embeds": [embed], "components": rows, "allowed_mentions": {"parse": []}}


def _fits(message: dict[str, Any]) -> bool:
    return length(message["embeds"][0]["description"]) <= _DESCRIPTION
