"""Slack as its documentation says that it is: a few methods of the Web API, and what it sends for a button.

Its rules are docs.slack.dev's: apis/web-api (200 with ok: false, errors), reference/methods/chat.postMessage,
chat.update and chat.postEphemeral, reference/block-kit/blocks (limits of header, section, actions and input, 50
blocks), reference/interaction-payloads/block_actions-payload, authentication/verifying-requests-from-slack.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from itertools import count
from typing import Any
from urllib.parse import urlencode

from tests.chat.loopback import Loopback

LIMITS = {"header": 150, "section": 3_000}


class SlackService:
    """One workspace with one app in it."""

    def __init__(
        self, *, token: str, secret: str, team: str = "T0SPACE", channels: tuple[str, ...] = ("C0OPS", "C0OWN")
    ) -> None:
        self.token, self.secret, self.team, self.channels = token, secret, team, channels
        self.messages: dict[str, dict[str, Any]] = {}
        self.whispers: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.refuse_next: list[tuple[int, Any, dict[str, str]]] = []
        self._numbers = count(1)
        self._server = Loopback(self._handle)
        self.address = self._server.address

    def close(self) -> None:
        self._server.close()

    # --- what apps ask ---

    def _handle(
        self, _method: str, path: str, headers: Mapping[str, str], body: Any
    ) -> tuple[int, Any, dict[str, str]]:
        method = path.lstrip("/")
        self.calls.append(method)
        if self.refuse_next:
            return self.refuse_next.pop(0)
        if headers.get("authorization") != f"Bearer {self.token}":
            return 200, {"ok": False, "error": "invalid_auth"}, {}
        answer = getattr(self, f"_{method.replace('.', '_')}")(body)
        return (
            200,
            {"ok": not isinstance(answer, str)} | ({"error": answer} if isinstance(answer, str) else answer),
            {},
        )

    def _auth_test(self, _body: Any) -> Any:
        return {"user": "countersign", "team_id": self.team, "user_id": "U0BOT"}

    def _chat_postMessage(self, body: Any) -> Any:
        if body["channel"] not in self.channels:
            return "channel_not_found"
        if wrong := self._wrong(body):
            return wrong
        ts = f"{1_700_000_000 + next(self._numbers)}.000100"
        self.messages[ts] = body
        return {"channel": body["channel"], "ts": ts}

    def _chat_update(self, body: Any) -> Any:
        if body["ts"] not in self.messages or self.messages[body["ts"]]["channel"] != body["channel"]:
            return "message_not_found"
        if wrong := self._wrong(body):
            return wrong
        self.messages[body["ts"]] = body
        return {"channel": body["channel"], "ts": body["ts"]}

    def _chat_postEphemeral(self, body: Any) -> Any:
        if body["channel"] not in self.channels or not body["text"]:
            return "channel_not_found"
        self.whispers.append(body)
        return {"message_ts": "1.1"}

    def _wrong(self, body: Any) -> str | None:
        blocks = body["blocks"]
        if len(blocks) > 50 or not body["text"]:
            return "invalid_blocks"
        for block in blocks:
            if block["type"] in LIMITS:
                text = block["text"]
                if not 0 < len(text["text"]) <= LIMITS[block["type"]]:
                    return "invalid_blocks"
                if (block["type"] == "header") is not (text["type"] == "plain_text"):
                    return "invalid_blocks"
            elif block["type"] == "actions":
                names = [each["action_id"] for each in block["elements"]]
                if not 0 < len(names) <= 25 or len(set(names)) != len(names):
                    return "invalid_blocks"
                if any(len(each["value"]) > 2_000 or len(each["text"]["text"]) > 75 for each in block["elements"]):
                    return "invalid_blocks"
            elif block["type"] == "input":
                if block["element"]["type"] != "plain_text_input" or block["label"]["type"] != "plain_text":
                    return "invalid_blocks"
            else:
                return "invalid_blocks"
        return None

    # --- what people see and do ---

    def shown(self, ts: str) -> str:
        """Return the text of a message."""
        return "\n".join(each["text"]["text"] for each in self.messages[ts]["blocks"] if "text" in each)

    def buttons(self, ts: str) -> dict[str, str]:
        """Return what a message's buttons carry, by their labels."""
        rows = [each["elements"] for each in self.messages[ts]["blocks"] if each["type"] == "actions"]
        return {each["text"]["text"]: each["value"] for row in rows for each in row}

    def press(
        self, ts: str, label: str, by: str, *, reason: str | None = None, **changes: Any
    ) -> tuple[bytes, dict[str, str]]:
        """Return the body and headers of the request that Slack sends when somebody presses a button."""
        message = self.messages[ts]
        action = next(
            {**each, "block_id": "b9", "action_ts": "1.2"}
            for block in message["blocks"]
            if block["type"] == "actions"
            for each in block["elements"]
            if each["text"]["text"] == label
        )
        payload: dict[str, Any] = {
            "type": "block_actions",
            "user": {"id": by, "username": "somebody", "team_id": self.team},
            "api_app_id": "A0APP",
            "token": "deprecated",
            "container": {
                "type": "message",
                "message_ts": ts,
                "channel_id": message["channel"],
                "is_ephemeral": False,
            },
            "trigger_id": f"{next(self._numbers)}.98765.abcd",
            "team": {"id": self.team, "domain": "space"},
            "channel": {"id": message["channel"], "name": "ops"},
            "state": {"values": {"b8": {"reason": {"type": "plain_text_input", "value": reason}}}},
            "response_url": "https://hooks.slack.com/actions/T0/1/x",
            "actions": [action],
        }
        payload |= changes
        return self.signed(urlencode({"payload": json.dumps(payload)}).encode())

    def signed(self, body: bytes, *, ago: int = 0, secret: str | None = None) -> tuple[bytes, dict[str, str]]:
        """Return a body with the headers of its signature."""
        at = str(int(time.time()) - ago)
        digest = hmac.new((secret or self.secret).encode(), b"v0:" + at.encode() + b":" + body, hashlib.sha256)
        return body, {
            "content-type": "application/x-www-form-urlencoded",
            "x-slack-request-timestamp": at,
            "x-slack-signature": f"v0={digest.hexdigest()}",
        }
