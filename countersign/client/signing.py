"""Signing with one's own key, which never leaves this machine: what is shown is checked before it is signed."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countersign.canonical import sha256_of
from countersign.client.api_client import Answer, Client
from countersign.errors import Tampered

DOMAIN = "countersign/approval/v2"


@dataclass(frozen=True)
class Signing:
    """What the API says is to be signed, once it is known to be the very bytes that it shows."""

    approval_id: str
    signer: str
    decision: str
    hash: str
    content: Mapping[str, Any]
    message: bytes

    @classmethod
    def asked(cls, client: Client, approval_id: str, *, signer: str, decision: str) -> "Signing":
        """Ask for it, and compute hash and bytes again from the content that is shown.

        Raises Tampered where they are not the same: a server that shows one thing and has another signed.
        """
        said = client.get(f"/approvals/{approval_id}/signing", signer=signer, decision=decision)
        computed = sha256_of(said["content"])
        message = "\n".join((DOMAIN, decision, approval_id, signer, computed)).encode()
        if computed != said["hash"] or base64.b64encode(message).decode("ascii") != said["message"]:
            raise Tampered(
                f"The API shows something else of approval {approval_id} than what it would have signed.",
                hint="sign nothing; tell whoever runs it",
            )
        return cls(approval_id, signer, decision, computed, said["content"], message)


def sign(client: Client, signing: Signing, key: Ed25519PrivateKey, *, key_id: str, comment: str = "") -> Answer:
    """Sign what was shown, and put it on record. Return the approval as it stands then."""
    body = {
        "decision": signing.decision,
        "signer": signing.signer,
        "algorithm": "ed25519",
        "key_id": key_id,
        "value": base64.b64encode(key.sign(signing.message)).decode("ascii"),
        "hash": signing.hash,
        "comment": comment,
    }
    found: Answer = client.post(f"/approvals/{signing.approval_id}/signatures", body)
    return found
