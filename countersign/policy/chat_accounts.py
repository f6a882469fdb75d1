"""Signatures for clicks in a chat: made by a server of this installation, for whom the policy maps the account to.

Such a signature shows that the chat's service said who clicked, and that a server believed it. The person has signed
nothing with a key of their own, so it is weaker than any other kind, and the policy says where it counts
(countersign.policy.chat). The server's signed bytes are four lines before those that every signature is over:

    countersign/click/v1
    <key id: chat:SERVICE:WORKSPACE:ACCOUNT, or chat:telegram:ACCOUNT>
    <the service's id of the click>
    <key id of the server's key>
    <the bytes of countersign.policy.signatures.signed_bytes>

What is kept is base64 of JSON with the click's id, the server's key and its Ed25519 signature.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field, model_validator

from countersign.policy.keys import key_id_of, load_public_key
from countersign.policy.problem import problem

DOMAIN: Final = "countersign/click/v1"
PREFIX: Final = "chat:"
"""What the key id of every account begins with."""
LONGEST_CLICK: Final = 200
"""Characters of a service's id of a click."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ChatService(StrEnum):
    """Whose chats."""

    SLACK = "slack"
    DISCORD = "discord"
    TELEGRAM = "telegram"

    @property
    def has_workspaces(self) -> bool:
        """Whether an account is one of a workspace or server; Telegram's are known everywhere by one number."""
        return self is not ChatService.TELEGRAM


class ChatAccount(BaseModel):
    """An account of a chat, by the ids that its service calls it by. Names are anybody's to choose."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    service: ChatService
    workspace: Annotated[str, Field(max_length=64)] = ""
    """Slack's team (T…), Discord's server; nothing for Telegram."""
    account: Annotated[str, Field(max_length=64)]
    """Slack's member id (U…), Discord's or Telegram's number of a user."""

    @model_validator(mode="after")
    def _ids(self) -> Self:
        if not _ID.fullmatch(self.account):
            raise problem(f"{self.account!r} is no account's id", "for example U024BE7LH, 80351110224678912 or 1234")
        if bool(_ID.fullmatch(self.workspace)) is not self.service.has_workspaces:
            raise problem(
                f"{self.workspace!r} is no workspace of {self.service}",
                "Slack's team id (T…), Discord's server id; Telegram has none",
            )
        return self

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `key_id` returns. Raises ValueError."""
        word, _, rest = text.partition(":")
        service, *ids = rest.split(":")
        if word != PREFIX[:-1] or len(ids) != (1 + (service != ChatService.TELEGRAM)):
            raise ValueError(
                "is not chat:slack:WORKSPACE:ACCOUNT, chat:discord:SERVER:ACCOUNT or chat:telegram:ACCOUNT"
            )
        return cls(service=ChatService(service), workspace="".join(ids[:-1]), account=ids[-1])

    @property
    def key_id(self) -> str:
        """The name under which a signature refers to this account."""
        workspace = f"{self.workspace}:" if self.workspace else ""
        return f"{PREFIX}{self.service}:{workspace}{self.account}"


def kept_click(message: bytes, account: ChatAccount, *, click: str, key: Ed25519PrivateKey) -> str:
    """Sign `message` with the server's key for a click of `account`; return what is kept. Raises ValueError."""
    server = key_id_of(key.public_key())
    signature = base64.b64encode(key.sign(_bytes(message, account, click, server))).decode("ascii")
    kept = {"click": click, "server": server, "signature": signature}
    return base64.b64encode(json.dumps(kept, separators=(",", ":")).encode()).decode("ascii")


def server_of(value: str) -> str | None:
    """Return the key id of the server that made a kept signature, None where it is none."""
    kept = _read(value)
    return None if kept is None else kept["server"]


def verify_click(message: bytes, value: str, account: ChatAccount, public_keys: Iterable[str]) -> bool:
    """Tell whether `value` is what one of the servers' keys made of `message` for a click of `account`."""
    kept = _read(value)
    if kept is None:
        return False
    for text in public_keys:
        key = load_public_key(text)
        if key_id_of(key) == kept["server"]:
            try:
                raw = base64.b64decode(kept["signature"], validate=True)
                key.verify(raw, _bytes(message, account, kept["click"], kept["server"]))
            except (InvalidSignature, binascii.Error, ValueError):
                return False
            return True
    return False


def _bytes(message: bytes, account: ChatAccount, click: str, server: str) -> bytes:
    if not click.isprintable() or not 1 <= len(click) <= LONGEST_CLICK:
        raise ValueError("the click has no id")
    return "\n".join((DOMAIN, account.key_id, click, server)).encode("utf-8") + b"\n" + message


def _read(value: str) -> dict[str, str] | None:
    try:
        kept = json.loads(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(kept, dict) or set(kept) != {"click", "server", "signature"}:
        return None
    return kept if all(isinstance(each, str) for each in kept.values()) else None
