"""Signatures by passkeys (W3C Web Authentication, Level 2): made in a browser, on a site, by a person who is there.

What is signed here as everywhere is `countersign.policy.signatures.signed_bytes`: the ceremony's challenge is their
SHA-256, so the assertion is a signature over them. It counts if the key in the policy made it on the site that the
policy names with it, and the authenticator has verified its user.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from countersign.policy.problem import problem

PARTS: Final = ("id", "authenticatorData", "clientDataJSON", "signature")
"""What of an assertion is kept, each base64url as the browser's JSON has it."""
LONGEST: Final = 4_000
"""Characters of a kept assertion."""
LOCAL: Final = "localhost"
"""The one site whose connections need no TLS."""
_SITE: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")


def _site(name: str) -> str:
    if not _SITE.fullmatch(name):
        raise problem(f"{name!r} is no name of a site", "the pages' host, without scheme and port: pages.example.com")
    return name


def _public_key(text: str) -> str:
    try:
        _loaded(text)
    except ValueError:
        raise problem(
            "this passkey's public key cannot be read", "take the entry that the page shows when a passkey is made"
        ) from None
    return text


class Passkey(BaseModel):
    """The public half of a passkey, and where it is good."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    site: Annotated[str, AfterValidator(_site)]
    """The pages' host (the relying party's id)."""
    key: Annotated[str, Field(max_length=2_000), AfterValidator(_public_key)]
    """The public key as COSE (RFC 9052), base64url."""

    @classmethod
    def of(cls, site: str, public_key: bytes) -> Self:
        """Return what a policy holds of a public key in COSE's form."""
        return cls(site=site, key=_text(public_key))

    @property
    def key_id(self) -> str:
        """The name under which a signature refers to this key."""
        return "passkey:" + hashlib.sha256(_bytes(self.key)).hexdigest()[:32]


def challenge_of(message: bytes) -> bytes:
    """Return the challenge with which `message` is signed."""
    return hashlib.sha256(message).digest()


def kept_assertion(credential: Mapping[str, Any]) -> str:
    """Return what is kept of the browser's answer: base64 of JSON. Raises ValueError where parts are missing."""
    response = credential.get("response")
    if not isinstance(response, Mapping):
        raise ValueError("has no response")  # noqa: TRY004  (the value is wrong, not its Python type)
    found = {name: credential.get("id") if name == "id" else response.get(name) for name in PARTS}
    if not all(isinstance(value, str) and value for value in found.values()):
        raise ValueError("lacks a part")
    return base64.b64encode(json.dumps(found, separators=(",", ":")).encode()).decode("ascii")


def verify_passkey(message: bytes, value: str, passkey: Passkey) -> bool:
    """Tell whether `value` (what `kept_assertion` returned) is the passkey's signature of `message`."""
    return verify_challenge(challenge_of(message), value, passkey)


def verify_challenge(challenge: bytes, value: str, passkey: Passkey) -> bool:
    """Tell whether `value` answers exactly this challenge, by this key, on its site, by a verified user."""
    # Imported here since it takes a fifth of a second, and few policies have passkeys.
    from webauthn import verify_authentication_response  # noqa: PLC0415
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

    try:
        kept = json.loads(base64.b64decode(value, validate=True))
        origin = json.loads(_bytes(kept["clientDataJSON"]))["origin"]
        if not isinstance(origin, str) or not is_origin_of(origin, passkey.site):
            return False
        credential = {
            "id": kept["id"],
            "rawId": kept["id"],
            "type": "public-key",
            "response": {name: kept[name] for name in PARTS if name != "id"},
        }
        found = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=passkey.site,
            expected_origin=origin,
            credential_public_key=_bytes(passkey.key),
            # Synchronised passkeys count nothing; a replayed assertion answers an old challenge.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError, binascii.Error, RecursionError):
        return False
    return bool(found.user_verified)


def is_origin_of(origin: str, site: str) -> bool:
    """Tell whether pages of `origin` belong to the site, over a connection that nobody else reads."""
    try:
        parts = urlsplit(origin)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    if host != site or parts.path or parts.query or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and site == LOCAL)


def _loaded(text: str) -> Any:
    from webauthn.helpers import decode_credential_public_key  # noqa: PLC0415
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

    try:
        return decode_credential_public_key(_bytes(text))
    except (WebAuthnException, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError("is no COSE key") from error


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
