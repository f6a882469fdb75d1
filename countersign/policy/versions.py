"""A version of the policy: what administrators sign, and whether enough of them did.

The signed bytes are four lines joined by a line feed, without one at the end, in UTF-8:

    countersign/policy/v1
    <number>
    <the version's hash: 64 lower-case hexadecimal digits>
    <administrator's name>

The version's hash is the SHA-256 of the canonical JSON of its number, the SHA-256 of its exact text, the previous
version's hash, author, reason and time. So who signs a version signs all that came before it. The first line keeps a
signature that the same key made for anything else, an approval among them, from counting here.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countersign.canonical import sha256_of
from countersign.errors import ConfigurationError, InvalidInput, NotApproved, PolicyNotTrusted
from countersign.policy.administrators import Administrator, Administrators
from countersign.policy.document import Policy
from countersign.policy.keys import key_id_of
from countersign.policy.names import identity
from countersign.policy.passkeys import verify_passkey
from countersign.policy.signatures import Algorithm, utc_text, verify

DOMAIN = "countersign/policy/v1"


@dataclass(frozen=True)
class PolicyVersion:
    """A version as it was proposed."""

    number: int
    """Counts from 1, without gaps."""
    document: str
    """The policy's exact text (YAML)."""
    previous_hash: str | None
    """The hash of the version before it; None for the first."""
    author: str
    reason: str
    proposed_at: datetime
    """Aware; bound to the microsecond."""

    @property
    def hash(self) -> str:
        """SHA-256 of all of it."""
        return sha256_of(
            {
                "number": self.number,
                "document_sha256": document_hash(self.document),
                "previous": self.previous_hash,
                "author": self.author,
                "reason": self.reason,
                "proposed_at": utc_text(self.proposed_at),
            }
        )


@dataclass(frozen=True)
class VersionSignature:
    """An administrator's signature as the record holds it."""

    administrator: str
    key_id: str
    value: str
    """base64; of a passkey what countersign.policy.passkeys keeps of its answer."""


@dataclass(frozen=True)
class Verified:
    """Whose signatures on a version count."""

    administrators: tuple[str, ...]
    """As the pinned file spells them, sorted, everybody once."""
    quorum: int
    not_counted: tuple[str, ...]
    """Sentences: whose signature did not count, and why."""

    @property
    def suffices(self) -> bool:
        """Whether the quorum is reached."""
        return len(self.administrators) >= self.quorum


def document_hash(text: str) -> str:
    """Return the SHA-256 of a policy's exact text, as `sha256sum FILE` prints it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def signed_bytes(version: PolicyVersion, *, administrator: str) -> bytes:
    """Return the exact bytes that are signed. Raises InvalidInput for a name with a line feed."""
    if not administrator.isprintable() or not administrator:
        raise InvalidInput("administrator is empty or has control characters", hint="use printable text on one line")
    return "\n".join((DOMAIN, str(version.number), version.hash, administrator)).encode("utf-8")


def sign_version(version: PolicyVersion, *, administrator: str, key: Ed25519PrivateKey) -> VersionSignature:
    """Sign a version with an administrator's private key."""
    value = key.sign(signed_bytes(version, administrator=administrator))
    return VersionSignature(administrator, key_id_of(key.public_key()), base64.b64encode(value).decode("ascii"))


def verify_version(
    version: PolicyVersion, signatures: Sequence[VersionSignature], administrators: Administrators
) -> Verified:
    """Count the different pinned administrators who signed exactly this version."""
    counted: dict[str, str] = {}
    not_counted: set[str] = set()
    for signature in signatures:
        pinned = administrators.with_key(signature.key_id)
        if pinned is None:
            not_counted.add(f"{signature.administrator}: key {signature.key_id} is not a pinned administrator's")
        elif signature.administrator != pinned.name:
            not_counted.add(f"{signature.administrator}: key {signature.key_id} is {pinned.name}'s")
        elif not _is_made_by(pinned, signed_bytes(version, administrator=pinned.name), signature.value):
            not_counted.add(f"{pinned.name}: it is not over this text")
        else:
            counted.setdefault(identity(pinned.name), pinned.name)
    return Verified(tuple(sorted(counted.values())), administrators.quorum, tuple(sorted(not_counted)))


def _is_made_by(pinned: Administrator, message: bytes, value: str) -> bool:
    """Tell whether `value` is the administrator's signature of `message`."""
    if pinned.passkey is not None:
        return verify_passkey(message, value, pinned.passkey)
    return verify(message, value, algorithm=Algorithm.ED25519, public_key=str(pinned.ed25519))


def require_quorum(number: int, verified: Verified) -> None:
    """Raise NotApproved unless enough administrators signed."""
    if verified.suffices:
        return
    have = ", ".join(verified.administrators) or "nobody"
    left_out = f"; not counted: {'; '.join(verified.not_counted)}" if verified.not_counted else ""
    raise NotApproved(
        f"version {number} of the policy needs {verified.quorum} administrators' signatures and "
        f"{len(verified.administrators)} count ({have}){left_out}",
        hint=f"countersign policy sign {number} --as ADMINISTRATOR --key FILE",
    )


def require_in_force(version: PolicyVersion, verified: Verified, *, recorded_hash: str) -> None:
    """Raise PolicyNotTrusted unless the version that the record says is in force is what its quorum signed."""
    if version.hash != recorded_hash:
        raise PolicyNotTrusted(
            f"version {version.number} of the policy was changed on record after it was proposed",
            hint=_FIND_OUT,
        )
    if not verified.suffices:
        have = ", ".join(verified.administrators) or "nobody"
        left_out = f" Not counted: {'; '.join(verified.not_counted)}." if verified.not_counted else ""
        raise PolicyNotTrusted(
            f"version {version.number} of the policy is in force on record, but {len(verified.administrators)} of "
            f"{verified.quorum} administrators' signatures count ({have}).{left_out}",
            hint=_FIND_OUT,
        )


def require_workable(policy: Policy, *, source: str) -> None:
    """Raise ConfigurationError for a policy with which no approval could ever be signed."""
    if not policy.signers:
        raise ConfigurationError(
            f"{source} names no signers, so nothing could be approved with it",
            hint="`countersign keys new NAME` makes a key and prints the entry for `signers`",
        )


_FIND_OUT = "nothing is executed; find out who changed the record (`countersign policy check`), and restore it"
