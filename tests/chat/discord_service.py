"""Discord as its documentation says that it is: messages of one server, and interactions with them.

Its rules are discord.com/developers/docs: reference (Authorization: Bot, error codes), resources/message (create,
edit, embed limits, nonce), components/reference (custom_id 1 to 100 characters, button styles, label, text input),
interactions/overview (Ed25519 over timestamp and body), interactions/receiving-and-responding (types of interactions
and answers, 15 minutes of the token).
"""

import json
import time
from collections.abc import Mapping
from itertools import count
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.chat.loopback import Loopback

APPLICATION = "845027738276462632"


class DiscordService:
    """One server (a guild) with one bot in it."""

    def __init__(self, *, token: str, guild: str = "290926798626357999", channel: str = "290926798629997250") -> None:
        self.token, self.guild, self.channel = token, guild, channel
        self.key = Ed25519PrivateKey.generate()
        self.messages: dict[str, dict[str, Any]] = {}
        self.whispers: list[str] = []
        self.calls: list[str] = []
        self._nonces: dict[str, str] = {}
        self._tokens: set[str] = set()
        self._numbers = count(1_000_000_000_000_000)
        self._server = Loopback(self._handle)
        self.address = self._server.address

    @property
    def public_key(self) -> str:
        return self.key.public_key().public_bytes_raw().hex()

    def close(self) -> None:
        self._server.close()

    # --- what apps ask ---

    def _handle(
        self, method: str, path: str, headers: Mapping[str, str], body: Any
    ) -> tuple[int, Any, dict[str, str]]:
        self.calls.append(f"{method} {path.split('/')[1]}")
        match method, path.strip("/").split("/"):
            # Whoever has an interaction's token needs no other.
            case "PATCH", ["webhooks", application, token, "messages", "@original"]:
                if application != APPLICATION or token not in self._tokens:
                    return 404, {"code": 10015, "message": "Unknown Webhook"}, {}
                assert len(body["content"]) <= 2_000
                self.whispers.append(body["content"])
                return 200, {"id": str(next(self._numbers))}, {}
        if headers.get("authorization") != f"Bot {self.token}":
            return 401, {"code": 0, "message": "401: Unauthorized"}, {}
        match method, path.strip("/").split("/"):
            case "GET", ["users", "@me"]:
                return 200, {"id": "1", "username": "countersign", "bot": True}, {}
            case "POST", ["channels", channel, "messages"] if channel == self.channel:
                return self._made(body)
            case "PATCH", ["channels", channel, "messages", message] if channel == self.channel:
                if message not in self.messages:
                    return 404, {"code": 10008, "message": "Unknown Message"}, {}
                return self._kept(message, body)
        return 404, {"code": 10003, "message": "Unknown Channel"}, {}

    def _made(self, body: Any) -> tuple[int, Any, dict[str, str]]:
        nonce = body.get("nonce")
        assert nonce is None or len(nonce) <= 25
        if nonce is not None and body.get("enforce_nonce") and nonce in self._nonces:
            return 200, {"id": self._nonces[nonce]}, {}
        message = str(next(self._numbers))
        if nonce is not None:
            self._nonces[nonce] = message
        return self._kept(message, body)

    def _kept(self, message: str, body: Any) -> tuple[int, Any, dict[str, str]]:
        (embed,) = body["embeds"]
        buttons = [each for row in body["components"] for each in row["components"]]
        right = (
            len(embed["title"]) <= 256
            and len(embed["description"]) <= 4_096
            and all(row["type"] == 1 and 0 < len(row["components"]) <= 5 for row in body["components"])
            and all(each["type"] == 2 and 1 <= each["style"] <= 4 for each in buttons)
            and all(1 <= len(each["custom_id"]) <= 100 and len(each["label"]) <= 80 for each in buttons)
            and len({each["custom_id"] for each in buttons}) == len(buttons)
        )
        if not right:
            return 400, {"code": 50035, "message": "Invalid Form Body"}, {}
        self.messages[message] = body
        return 200, {"id": message}, {}

    # --- what people see and do ---

    def shown(self, message: str) -> str:
        """Return the text of a message."""
        (embed,) = self.messages[message]["embeds"]
        return f"{embed['title']}\n{embed['description']}"

    def buttons(self, message: str) -> dict[str, str]:
        """Return what a message's buttons carry, by their labels."""
        rows = self.messages[message]["components"]
        return {each["label"]: each["custom_id"] for row in rows for each in row["components"]}

    def press(self, message: str, label: str, by: str, **changes: Any) -> tuple[bytes, dict[str, str]]:
        """Return the body and headers of the request that Discord sends when somebody presses a button."""
        data = changes.pop("data", {"custom_id": self.buttons(message)[label], "component_type": 2})
        return self.signed(self._interaction(3, message, by, data, **changes))

    def submit(self, message: str, form: Mapping[str, Any], by: str, reason: str) -> tuple[bytes, dict[str, str]]:
        """Return the request that Discord sends when somebody sends a form that was answered to a press."""
        assert form["type"] == 9 and len(form["data"]["title"]) <= 45
        (label,) = form["data"]["components"]
        assert label["type"] == 18 and 0 < len(label["label"]) <= 45 and label["component"]["type"] == 4
        entry = {"type": 4, "custom_id": label["component"]["custom_id"], "value": reason}
        data = {"custom_id": form["data"]["custom_id"], "components": [{"type": 18, "id": 1, "component": entry}]}
        return self.signed(self._interaction(5, message, by, data))

    def ping(self) -> tuple[bytes, dict[str, str]]:
        """Return the request with which Discord tries an address."""
        return self.signed({"type": 1, "id": str(next(self._numbers)), "application_id": APPLICATION, "token": "x"})

    def _interaction(self, kind: int, message: str, by: str, data: Any, **changes: Any) -> dict[str, Any]:
        token = f"aW50ZXJhY3Rpb24{next(self._numbers)}"
        self._tokens.add(token)
        return {
            "type": kind,
            "id": str(next(self._numbers)),
            "application_id": APPLICATION,
            "token": token,
            "guild_id": self.guild,
            "channel_id": self.channel,
            "member": {"user": {"id": by, "username": "somebody"}, "roles": []},
            "message": {"id": message, "channel_id": self.channel},
            "data": data,
            "version": 1,
        } | changes

    def signed(
        self, body: Any, *, ago: int = 0, key: Ed25519PrivateKey | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """Return a body with the headers of its signature."""
        raw, at = json.dumps(body).encode(), str(int(time.time()) - ago)
        signature = (key or self.key).sign(at.encode() + raw)
        return raw, {
            "content-type": "application/json",
            "x-signature-timestamp": at,
            "x-signature-ed25519": signature.hex(),
        }
