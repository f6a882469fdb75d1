"""What a signature on an approval is made over, making one, and verifying one.

The signed bytes are five lines joined by a line feed, without one at the end, in UTF-8:

    countersign/approval/v1
    <decision: approve or reject>
    <approval id>
    <signer's name>
    <SHA-256 of the content, 64 lower-case hexadecimal digits>

The first line keeps a signature made for anything else from counting here. The approval's id keeps a
signature from being copied to another request with the same content, which would run it a second time.
An Ed25519 signature is made over these bytes, an HMAC is HMAC-SHA-256 of them; both are kept as base64.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, assert_never
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from countersign.canonical import sha256_of
from countersign.errors import InvalidInput
from countersign.policy.keys import key_id_of, load_public_key, secret_bytes

DOMAIN = "countersign/approval/v1"


class Decision(StrEnum):
    """What a signer says to a request."""

    APPROVE = "approve"
    REJECT = "reject"


class Algorithm(StrEnum):
    """How a signature is made."""

    ED25519 = "ed25519"
    HMAC_SHA256 = "hmac-sha256"


@dataclass(frozen=True)
class SignedContent:
    """The part of an approval that its signatures bind."""

    action: str
    target: Mapping[str, Any] | str | None
    """JSON without floats."""
    parameters: Mapping[str, Any]
    """JSON without floats."""
    risk_level: str
    expires_at: datetime | None
    """Aware; bound to the microsecond."""

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON. Raises InvalidInput naming the field that has no such form."""
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise InvalidInput("expires_at has no time zone", hint="give an offset, e.g. 2026-12-20T00:00:00Z")
        content = {
            "action": self.action,
            "target": self.target,
            "parameters": self.parameters,
            "risk_level": str(self.risk_level),
            "expires_at": None if self.expires_at is None else utc_text(self.expires_at),
        }
        try:
            return sha256_of(content)
        except (TypeError, UnicodeEncodeError, RecursionError) as error:
            reason = "a lone surrogate" if isinstance(error, UnicodeEncodeError) else str(error)
            raise InvalidInput(
                f"action, target or parameters cannot be signed: {reason}", hint="use JSON values without floats"
            ) from None


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
    for field, value in (("approval_id", str(approval_id)), ("signer", signer)):
        if not value.isprintable() or not value:
            raise InvalidInput(f"{field} is empty or has control characters", hint="use printable text on one line")
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


def verify(message: bytes, value: str, *, algorithm: Algorithm, public_key: str = "", secret: bytes = b"") -> bool:
    """Tell whether `value` (base64) is the signature of `message` under the given key. Constant time for HMAC."""
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
        case _:
            assert_never(algorithm)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
