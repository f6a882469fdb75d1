"""What a signature on an approval is made over, making one, and verifying one.

The signed bytes are five lines joined by a line feed, without one at the end, in UTF-8:

    countersign/approval/v2
    <decision: approve or reject>
    <approval id>
    <signer's name>
    <SHA-256 of the content, 64 lower-case hexadecimal digits>

The content is everything that decides what happens or what is believed of the request: `SignedContent` has its
fields, and its hash is that of their canonical JSON. A number with a fraction, which has no canonical text, stands
there as {"decimal": "0.25"}.

The first line keeps a signature made for anything else from counting here. The approval's id keeps a
signature from being copied to another request with the same content, which would run it a second time.
An Ed25519 signature is made over these bytes, an HMAC is HMAC-SHA-256 of them; both are kept as base64. A passkey
answers the challenge that is their SHA-256 (countersign.policy.passkeys). For a click in a chat a server signs them
(countersign.policy.chat_accounts).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, assert_never
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from countersign.canonical import canonical_json, sha256_of, with_decimals
from countersign.errors import InvalidInput
from countersign.policy.chat_accounts import ChatAccount, kept_click, verify_click
from countersign.policy.keys import key_id_of, load_public_key, secret_bytes
from countersign.policy.passkeys import Passkey, verify_passkey

DOMAIN = "countersign/approval/v2"
FORM = 2
"""Number of the form that signatures are made in; those of an earlier one bind less and do not count."""


FILED_BY = "filed_by"
"""In the metadata: who filed the request, where that is another one than its requester."""


class Decision(StrEnum):
    """What a signer says to a request."""

    APPROVE = "approve"
    REJECT = "reject"


class Algorithm(StrEnum):
    """How a signature is made."""

    ED25519 = "ed25519"
    HMAC_SHA256 = "hmac-sha256"
    WEBAUTHN = "webauthn"
    CHAT = "chat"
    """By a server, for a click of somebody's account."""


@dataclass(frozen=True, kw_only=True)
class SignedContent:
    """The part of an approval that its signatures bind: all of it but its status and its idempotency key."""

    action: str
    target: Mapping[str, Any] | None
    """On what it acts, the cluster or the hosts' fleet included; JSON."""
    parameters: Mapping[str, Any]
    """What the action reads to, the operation included; JSON."""
    risk_level: str
    requested_by: str
    expires_at: datetime | None = None
    """Aware; bound to the microsecond."""
    not_before: datetime | None = None
    """Aware; bound to the microsecond."""
    start: str = "when_approved"
    """Who starts it: a worker when it is approved, or a person by hand."""
    when_blocked: str = "end"
    """What becomes of it when it is refused for a reason that passes: it ends, or waits."""
    required_signatures: int = 1
    description: str = ""
    blast_radius: Mapping[str, Any] = field(default_factory=dict)
    """JSON."""
    incident: str | None = None
    playbook: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """JSON, the names of probes included."""

    @property
    def makers(self) -> tuple[str, ...]:
        """Who made the request: the requester, and whoever filed it in their name."""
        filed_by = self.metadata.get(FILED_BY)
        return (self.requested_by,) if filed_by is None else (self.requested_by, str(filed_by))

    def as_json(self) -> dict[str, Any]:
        """Return what is hashed, as JSON values by field. Raises InvalidInput naming a field without such a form."""
        return {each.name: self._value(each.name) for each in fields(self)}

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON. Raises InvalidInput naming the field that has no such form."""
        return sha256_of(self.as_json())

    def _value(self, name: str) -> Any:
        value = getattr(self, name)
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise InvalidInput(f"{name} has no time zone", hint="give an offset, e.g. 2026-12-20T00:00:00Z")
            return utc_text(value)
        try:
            found = with_decimals(value)
            canonical_json(found).encode("utf-8")
        except (TypeError, ValueError, RecursionError) as error:
            reason = "it has a lone surrogate" if isinstance(error, UnicodeEncodeError) else str(error)
            raise InvalidInput(f"{name} cannot be signed: {reason}", hint="use JSON values") from None
        return found


@dataclass(frozen=True)
class SignatureValue:
    """A signature as it is recorded, without who and when."""

    algorithm: Algorithm
    key_id: str
    value: str
    """base64."""


def utc_text(moment: datetime) -> str:
    """Return an aware time as RFC 3339 in UTC, always with six decimals: 2026-12-20T00:00:00.000000Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def signed_bytes(content: SignedContent, *, approval_id: UUID | str, signer: str, decision: Decision) -> bytes:
    """Return the exact bytes that are signed. Raises InvalidInput for an id or a name with a line feed."""
    for name, value in (("approval_id", str(approval_id)), ("signer", signer)):
        if not value.isprintable() or not value:
            raise InvalidInput(f"{name} is empty or has control characters", hint="use printable text on one line")
    return "\n".join((DOMAIN, decision.value, str(approval_id), signer, content.hash)).encode("utf-8")


def sign_ed25519(
    content: SignedContent, *, approval_id: UUID | str, signer: str, decision: Decision, key: Ed25519PrivateKey
) -> SignatureValue:
    """Sign with a person's private key."""
    message = signed_bytes(content, approval_id=approval_id, signer=signer, decision=decision)
    return SignatureValue(Algorithm.ED25519, key_id_of(key.public_key()), _base64(key.sign(message)))


def sign_hmac(
    content: SignedContent, *, approval_id: UUID | str, signer: str, decision: Decision, key: str, secret: SecretStr
) -> SignatureValue:
    """Sign with a shared secret of the key id `key`. Raises ConfigurationError if the secret is too short."""
    message = signed_bytes(content, approval_id=approval_id, signer=signer, decision=decision)
    value = hmac.digest(secret_bytes(secret, key_id=key), message, hashlib.sha256)
    return SignatureValue(Algorithm.HMAC_SHA256, f"hmac:{key}", _base64(value))


def sign_click(
    content: SignedContent,
    *,
    approval_id: UUID | str,
    signer: str,
    decision: Decision,
    account: ChatAccount,
    click: str,
    key: Ed25519PrivateKey,
) -> SignatureValue:
    """Sign with the server's key for a click of the signer's account. Raises InvalidInput for one without an id."""
    message = signed_bytes(content, approval_id=approval_id, signer=signer, decision=decision)
    try:
        return SignatureValue(Algorithm.CHAT, account.key_id, kept_click(message, account, click=click, key=key))
    except ValueError as error:
        raise InvalidInput(f"click: {error}") from None


def verify(
    message: bytes,
    value: str,
    *,
    algorithm: Algorithm,
    public_key: str = "",
    secret: bytes = b"",
    passkey: Passkey | None = None,
    account: ChatAccount | None = None,
    servers: Sequence[str] = (),
) -> bool:
    """Tell whether `value` (base64) is the signature of `message` under the given key. Constant time for HMAC.

    `servers` are the public keys that may sign for clicks of `account`.
    """
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    match algorithm:
        case Algorithm.ED25519:
            try:
                load_public_key(public_key).verify(raw, message)
            except InvalidSignature:
                return False
            return True
        case Algorithm.HMAC_SHA256:
            return hmac.compare_digest(hmac.digest(secret, message, hashlib.sha256), raw)
        case Algorithm.WEBAUTHN:
            return passkey is not None and verify_passkey(message, value, passkey)
        case Algorithm.CHAT:
            return account is not None and verify_click(message, value, account, servers)
        case _:
            assert_never(algorithm)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
