"""An authenticator in a few lines, by W3C Web Authentication, Level 2, sections 6.1, 6.3.3 and 5.8.1.

Chromium's own signs in tests/browser; this one also does what no browser does, for those who would.
"""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import encode_cbor

from countersign.policy.passkeys import Passkey, challenge_of, kept_assertion

PRESENT, VERIFIED = 0x01, 0x04


@dataclass(frozen=True)
class Authenticator:
    """One passkey of one person on one site."""

    site: str = "pages.example.com"
    origin: str = "https://pages.example.com"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def passkey(self) -> Passkey:
        """Its public half, as a policy holds it: COSE (RFC 9053, 7.1.1) of an ES256 key."""
        numbers = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
        return Passkey.of(self.site, encode_cbor({1: 2, 3: -7, -1: 1, -2: x, -3: y}))

    def sign(self, message: bytes, *, flags: int = PRESENT | VERIFIED, **said: object) -> str:
        """Return the kept assertion over `message`; `said` changes what the browser says of itself."""
        return kept_assertion(self.credential(_text(challenge_of(message)), flags=flags, **said))

    def credential(
        self, challenge: str, /, *, user: str = "", flags: int = PRESENT | VERIFIED, **said: object
    ) -> dict[str, object]:
        """Return what the browser gives the page for `challenge` (base64url); `user` is whose the passkey is."""
        client = {"type": "webauthn.get", "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        client_data = json.dumps({**client, **said}).encode()
        data = sha256(self.site.encode()).digest() + bytes([flags]) + (7).to_bytes(4, "big")
        signature = self.key.sign(data + sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        response = {"authenticatorData": data, "clientDataJSON": client_data, "signature": signature}
        if user:
            response["userHandle"] = user.encode()
        return {"id": _text(b"credential"), "response": {name: _text(raw) for name, raw in response.items()}}


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
