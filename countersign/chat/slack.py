"""Slack: requests of interactive messages (docs.slack.dev), and the few methods of the Web API that a card needs.

Slack signs what it sends: HMAC-SHA-256 over v0:TIMESTAMP:BODY, five minutes long (authentication/verifying-requests-
from-slack). A press of a button is a block_actions payload in the form field `payload`, with what stands in the
message's input beside it (reference/interaction-payloads/block_actions-payload).
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from slack_sdk.signature import SignatureVerifier

from countersign import escaping
from countersign.aftermath.notifications.markup import length
from countersign.chat.app import Heard, MessageGone, exchange, failure_of, fitting
from countersign.chat.card import Button, Card, cut
from countersign.errors import DeliveryFailed, DeliveryRefused, InvalidInput, Unauthenticated
from countersign.execution.chats import SlackApp
from countersign.records.states import ChatChoice, ChatService

REASON: Final = "reason"
_SECTION: Final = 3_000
"""Characters of a section's text (reference/block-kit/blocks/section-block)."""
_SECTIONS: Final = 12
_HEADER: Final = 150
_GONE: Final = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_PASSING: Final = frozenset(
    {"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)


class Slack:
    """An app in one workspace."""

    service = ChatService.SLACK

    def __init__(self, app: SlackApp) -> None:
        self._app = app

    def name(self) -> str:
        """Return the bot's name in its workspace. Raises DeliveryRefused where that is another one."""
        found = self._ask("auth.test", {})
        if found.get("team_id") != self._app.workspace:
            raise DeliveryRefused("The app is installed in another workspace.", hint="correct slack_workspace")
        return str(found.get("user", "?"))

    def send(self, chat: str, card: Card, *, key: str) -> str:
        """Post a message (chat.postMessage) and return its ts. Slack knows no key of ours."""
        del key
        return str(self._ask("chat.postMessage", {"channel": chat, **message_of(card)})["ts"])

    def change(self, chat: str, message: str, card: Card) -> None:
        """Update a message (chat.update)."""
        self._ask("chat.update", {"channel": chat, "ts": message, **message_of(card)})

    def answer(self, heard: Heard, said: str) -> None:
        """Say something that only they see (chat.postEphemeral)."""
        asked = {"channel": heard.chat, "user": heard.account, "text": escaping.slack(said)}
        self._ask("chat.postEphemeral", asked)

    def ask_reason(self, heard: Heard, said: str) -> str:
        """Say that the reason belongs into the message's own field: there is no message for it."""
        self.answer(heard, said)
        return ""

    def _ask(self, method: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        token = {"Authorization": f"Bearer {self._app.token.get_secret_value()}"}
        answer = exchange("Slack", f"{self._app.api}/{method}", asked, headers=token)
        if not answer.ok:
            raise failure_of(answer)
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise DeliveryFailed(f"Slack did not confirm {method}.")
        # It answers 200 to what it does not do, and says why (apis/web-api).
        if found.get("ok") is not True:
            why = str(found.get("error", ""))[:100]
            if why in _GONE:
                raise MessageGone(f"Slack does not have the message any more ({why}).")
            kind = DeliveryFailed if why in _PASSING else DeliveryRefused
            raise kind(f"Slack does not take {method}: {escaping.visible(why)}.")
        return found


def hear_slack(app: SlackApp, headers: Mapping[str, str], body: bytes) -> Heard | None:
    """Return the click that Slack tells, None for what is no click of ours. Raises Unauthenticated, InvalidInput."""
    try:
        genuine = SignatureVerifier(app.signing_secret.get_secret_value()).is_valid_request(body, headers)
    except (ValueError, TypeError, OverflowError):
        # A timestamp or a signature that is none.
        genuine = False
    if not genuine:
        raise Unauthenticated("This was not signed by Slack for this app, or is more than five minutes old.")
    try:
        payload = json.loads(parse_qs(body.decode("utf-8"))["payload"][0])
        if payload["type"] != "block_actions" or payload["actions"][0]["type"] != "button":
            return None
        user = payload["user"]
        values = (payload.get("state") or {}).get("values", {})
        reasons = [each[REASON].get("value") for each in values.values() if REASON in each]
        return Heard(
            service=ChatService.SLACK,
            click_id=str(payload["trigger_id"]),
            workspace=str(payload["team"]["id"]),
            # Who comes from another workspace by Slack Connect is that one's member.
            home=str(user.get("team_id") or payload["team"]["id"]),
            chat=str(payload["channel"]["id"]),
            message=str(payload["container"]["message_ts"]),
            account=str(user["id"]),
            button=str(payload["actions"][0]["value"]),
            comment=str(next(filter(None, reasons), "")),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise InvalidInput("payload: is no press of a button") from None


def message_of(card: Card) -> dict[str, Any]:
    """Return the card as a message's text and blocks."""
    found: dict[str, Any] = fitting(card, _written, _fits)
    return found


def _written(card: Card) -> dict[str, Any]:
    title = escaping.visible(card.title)
    sections = [*map(escaping.slack, card.head), *_lines(card), escaping.slack(card.foot)]
    if card.link:
        sections.append(f"<{card.link}|{escaping.slack(card.say('open'))}>")
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _plain(cut(title, _HEADER))}]
    blocks += [{"type": "section", "text": _mrkdwn(each)} for each in _packed(sections)]
    if card.reject is not None:
        entry = {"type": "plain_text_input", "action_id": REASON, "multiline": True, "max_length": 1000}
        blocks.append({"type": "input", "optional": True, "label": _plain(card.say("reason")), "element": entry})
    if card.buttons:
        buttons = [_button(card.approve, ChatChoice.APPROVE), _button(card.reject, ChatChoice.REJECT)]
        blocks.append({"type": "actions", "elements": [each for each in buttons if each is not None]})
    # What notifications show; Slack reads mrkdwn in it.
    return {"text": escaping.slack(cut(title, _HEADER)), "blocks": blocks, "unfurl_links": False}


def _lines(card: Card) -> list[str]:
    return [f"*{escaping.slack(each.label)}:* {escaping.slack(each.words)}" for each in card.fields]


def _packed(lines: list[str]) -> list[str]:
    """Join lines to as few sections as they fit into."""
    packed = [""]
    for line in lines:
        joined = f"{packed[-1]}\n{line}" if packed[-1] else line
        if length(joined) <= _SECTION:
            packed[-1] = joined
        else:
            packed.append(line)
    return packed


def _fits(message: dict[str, Any]) -> bool:
    sections = [each["text"]["text"] for each in message["blocks"] if each["type"] == "section"]
    return len(sections) <= _SECTIONS and all(length(each) <= _SECTION for each in sections)


def _button(button: Button | None, choice: ChatChoice) -> dict[str, Any] | None:
    if button is None:
        return None
    style = "primary" if choice is ChatChoice.APPROVE else "danger"
    return {
        "type": "button",
        "text": _plain(button.label),
        "value": button.value,
        "style": style,
        "action_id": choice,
    }


def _plain(value: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": value, "emoji": False}


def _mrkdwn(value: str) -> dict[str, Any]:
    # Verbatim: nothing is made a link or a mention that is not written as one.
    return {"type": "mrkdwn", "text": value, "verbatim": True}
