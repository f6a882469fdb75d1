"""What a button carries, and the seals of messages and clicks.

A button carries 33 bytes, 44 characters: what it says, the random id of its message's row, and what only this
installation makes of that id. Nothing of the request is in it: that stands on the row, with a MAC.
"""

import base64
import binascii
import hmac
from typing import Any, Final
from uuid import UUID

from countersign.errors import InvalidInput, Tampered
from countersign.execution.plan_seal import Seal
from countersign.policy.signatures import utc_text
from countersign.records.states import ChatChoice
from countersign.records.tables import ChatClick, ChatMessage

LONGEST: Final = 64
"""Bytes that Telegram lets a button carry (Bot API, InlineKeyboardButton, callback_data), the least of the three."""
_LETTERS: Final = {ChatChoice.APPROVE: b"a", ChatChoice.REJECT: b"r", ChatChoice.ASK: b"q"}
_CHOICES: Final = {letter: choice for choice, letter in _LETTERS.items()}


def button_value(seal: Seal, message_id: UUID, choice: ChatChoice) -> str:
    """Return what a button of this message carries."""
    return base64.urlsafe_b64encode(_LETTERS[choice] + message_id.bytes + seal.chat_token(message_id)).decode("ascii")


def read_button(seal: Seal, value: str) -> tuple[UUID, ChatChoice]:
    """Return the message's row and what the button says. Raises InvalidInput for what was not made here."""
    try:
        raw = base64.b64decode(value.encode("ascii"), altchars=b"-_", validate=True)
        message_id, choice = UUID(bytes=raw[1:17]), _CHOICES[raw[:1]]
    except (binascii.Error, UnicodeEncodeError, ValueError, KeyError):
        raise _foreign() from None
    if not hmac.compare_digest(raw[17:], seal.chat_token(message_id)):
        raise _foreign()
    return message_id, choice


def seal_message(seal: Seal, row: ChatMessage) -> str:
    """Return the MAC over what was shown where, for how long it counts, and who may answer."""
    facts: dict[str, Any] = {
        "message_row": str(row.id),
        "purpose": row.purpose.value,
        "approval": str(row.approval_id),
        "service": row.service.value,
        "workspace": row.workspace,
        "chat": row.chat,
        "message": row.message,
        "hash": row.content_hash,
        "account": row.account,
        "expires_at": utc_text(row.expires_at),
    }
    return seal.of_chat(facts)


def seal_click(seal: Seal, row: ChatClick) -> str:
    """Return the MAC over who clicked on what, and what that said."""
    facts: dict[str, Any] = {
        "service": row.service.value,
        "click": row.click_id,
        "message_row": str(row.message_id),
        "workspace": row.workspace,
        "account": row.account,
        "choice": row.choice.value,
        "comment": row.comment,
        "received_at": utc_text(row.received_at),
    }
    return seal.of_chat(facts)


def require_genuine(mac: str, expected: str, *, of: str) -> None:
    """Raise Tampered unless a row is as it was made."""
    if not hmac.compare_digest(mac, expected):
        raise Tampered(
            f"The record of {of} is not as Countersign made it.",
            hint="nobody signs by it; find out who writes to the database",
            of="chat",
        )


def _foreign() -> InvalidInput:
    return InvalidInput("button: was not made by this installation", hint="use the buttons of a message of its app")
