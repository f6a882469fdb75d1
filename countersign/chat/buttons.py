"""What a button carries, and the seals of messages and clicks.

A button carries 33 bytes, 44 characters: what it says, the random id of its message's row, and what only this
installation makes of both, of the request's id and of the hash of what was shown. So no button is good for another
choice, another request or another content. Those stand on the row, with a MAC.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Pressed:
    """What a button says that was pressed, before it is known whether it was made here."""

    message_id: UUID
    choice: ChatChoice
    token: bytes


def button_value(seal: Seal, row: ChatMessage, choice: ChatChoice) -> str:
    """Return what the button of this message for this choice carries."""
    value = _LETTERS[choice] + row.id.bytes + _token(seal, row, choice)
    return base64.urlsafe_b64encode(value).decode("ascii")


def read_button(value: str) -> Pressed:
    """Return what a button says. Raises InvalidInput for what has another form."""
    try:
        raw = base64.b64decode(value.encode("ascii"), altchars=b"-_", validate=True)
        return Pressed(UUID(bytes=raw[1:17]), _CHOICES[raw[:1]], raw[17:])
    except (binascii.Error, UnicodeEncodeError, ValueError, KeyError):
        raise _foreign() from None


def require_own_button(seal: Seal, row: ChatMessage, pressed: Pressed) -> None:
    """Raise InvalidInput unless the button was made here for this message, for this choice, and for the request that
    the row names as it was shown then.
    """
    if not hmac.compare_digest(pressed.token, _token(seal, row, pressed.choice)):
        raise _foreign()


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


def _token(seal: Seal, row: ChatMessage, choice: ChatChoice) -> bytes:
    return seal.chat_token(
        {
            "message_row": str(row.id),
            "choice": choice.value,
            "approval": str(row.approval_id),
            "hash": row.content_hash,
        }
    )


def _foreign() -> InvalidInput:
    return InvalidInput("button: was not made by this installation", hint="use the buttons of a message of its app")
