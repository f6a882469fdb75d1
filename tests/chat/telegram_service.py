"""Telegram's Bot API as its documentation says that it is: messages of one group, presses of buttons, and replies.

Its rules are core.telegram.org/bots/api: "Making requests", sendMessage (1 to 4096 characters after entities
parsing), InlineKeyboardButton (callback_data 1 to 64 bytes), editMessageText ("message is not modified"),
answerCallbackQuery (0 to 200 characters), ForceReply, "HTML style", setWebhook (secret_token 1 to 256 of A-Z, a-z,
0-9, _ and -).
"""

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from itertools import count
from typing import Any

from tests.chat.loopback import Loopback


class _Entities(HTMLParser):
    """Reads a text in HTML style: what is shown of it, or an error."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.open, self.links, self.bold = "", [], [], []

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        if tag not in ("b", "i", "a", "code"):
            raise ValueError(f'Unsupported start tag "{tag}"')
        self.open.append(tag)
        if tag == "a":
            self.links.append(dict(attributes)["href"])

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise ValueError(f'Unexpected end tag "{tag}"')

    def handle_data(self, data: str) -> None:
        self.text += data
        if "b" in self.open:
            self.bold.append(data)


class TelegramService:
    """One bot in one group."""

    def __init__(self, *, token: str, chat: int = -1001) -> None:
        self.token, self.chat = token, chat
        self.messages: dict[int, dict[str, Any]] = {}
        self.texts: dict[int, _Entities] = {}
        self.alerts: list[str] = []
        self.webhook: dict[str, Any] = {}
        self._queries: set[str] = set()
        self._numbers = count(1)
        self._server = Loopback(self._handle)
        self.address = self._server.address

    def close(self) -> None:
        self._server.close()

    # --- what bots ask ---

    def _handle(
        self, _method: str, path: str, _headers: Mapping[str, str], body: Any
    ) -> tuple[int, Any, dict[str, str]]:
        _, bot, method = path.split("/")
        if bot != f"bot{self.token}":
            return 401, {"ok": False, "error_code": 401, "description": "Unauthorized"}, {}
        try:
            return 200, {"ok": True, "result": getattr(self, f"_{method}")(body)}, {}
        except ValueError as error:
            return 400, {"ok": False, "error_code": 400, "description": f"Bad Request: {error}"}, {}

    def _getMe(self, _body: Any) -> Any:
        return {"id": 1, "is_bot": True, "username": "countersign_bot"}

    def _sendMessage(self, body: Any) -> Any:
        if str(body["chat_id"]) != str(self.chat):
            raise ValueError("chat not found")
        number = next(self._numbers)
        self._keep(number, body)
        return {"message_id": number, "chat": {"id": self.chat}}

    def _editMessageText(self, body: Any) -> Any:
        number = body["message_id"]
        if str(body["chat_id"]) != str(self.chat) or number not in self.messages:
            raise ValueError("message to edit not found")
        before = self.messages[number]
        if (before["text"], before.get("reply_markup")) == (body["text"], body.get("reply_markup")):
            raise ValueError("message is not modified: specified new message content and reply markup are the same")
        self._keep(number, body)
        return {"message_id": number}

    def _answerCallbackQuery(self, body: Any) -> Any:
        if body["callback_query_id"] not in self._queries:
            raise ValueError("query is too old and response timeout expired or query ID is invalid")
        if len(body.get("text", "")) > 200:
            raise ValueError("MESSAGE_TOO_LONG")
        self._queries.discard(body["callback_query_id"])
        if body.get("text"):
            self.alerts.append(body["text"])
        return True

    def _setWebhook(self, body: Any) -> Any:
        if not body["url"].startswith("https://") or not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", body["secret_token"]):
            raise ValueError("bad webhook")
        self.webhook = body
        return True

    def _keep(self, number: int, body: Any) -> None:
        assert body["parse_mode"] == "HTML"
        found = _Entities()
        found.feed(body["text"])
        found.close()
        if found.open or not 1 <= len(found.text.encode("utf-16-le")) // 2 <= 4_096:
            raise ValueError("can't parse entities, or message is too long")
        for row in body.get("reply_markup", {}).get("inline_keyboard", []):
            if not row or any(not 1 <= len(each["callback_data"].encode()) <= 64 for each in row):
                raise ValueError("BUTTON_DATA_INVALID")
        self.messages[number], self.texts[number] = body, found

    # --- what people see and do ---

    def shown(self, number: int) -> str:
        """Return the text of a message."""
        return self.texts[number].text

    def buttons(self, number: int) -> dict[str, str]:
        """Return what a message's buttons carry, by their labels."""
        rows = self.messages[number].get("reply_markup", {}).get("inline_keyboard", [])
        return {each["text"]: each["callback_data"] for row in rows for each in row}

    def press(self, number: int, label: str, by: int, **changes: Any) -> tuple[bytes, dict[str, str]]:
        """Return the body and headers of the update that Telegram sends when somebody presses a button."""
        query = f"43817{next(self._numbers)}"
        self._queries.add(query)
        found = {
            "id": query,
            "from": {"id": by, "is_bot": False, "first_name": "Somebody"},
            "message": {"message_id": number, "chat": {"id": self.chat, "type": "supergroup"}, "date": 1},
            "chat_instance": "-3",
            "data": self.buttons(number)[label],
        }
        return self.update({"callback_query": found | changes})

    def reply(self, to: int, by: int, text: str, **changes: Any) -> tuple[bytes, dict[str, str]]:
        """Return the update that Telegram sends when somebody replies to a message."""
        found = {
            "message_id": next(self._numbers),
            "from": {"id": by, "is_bot": False, "first_name": "Somebody"},
            "chat": {"id": self.chat, "type": "supergroup"},
            "date": 1,
            "reply_to_message": {"message_id": to, "chat": {"id": self.chat}},
            "text": text,
        }
        return self.update({"message": found | changes})

    def update(self, content: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """Return an update with what its webhook's requests have."""
        headers = {"content-type": "application/json"}
        if "secret_token" in self.webhook:
            headers["x-telegram-bot-api-secret-token"] = self.webhook["secret_token"]
        return json.dumps({"update_id": next(self._numbers), **content}).encode(), headers
