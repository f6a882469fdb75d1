"""Three people with keys, an HMAC signer and the auto-approver, and a request that they can sign."""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from countersign.policy import Decision, Policy, RecordedSignature, SignedContent, sign_ed25519, sign_hmac
from countersign.policy.keys import public_text

APPROVAL = "0192d1c6-6f6e-7a8e-9d43-3c1d9e2f4a5b"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ("alice", "bob", "carol")
# Seeds and not generated keys, so that a failing example is the same on every run.
KEYS = {name: Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number, name in enumerate(NAMES, 1)}
SECRETS = {"bot": SecretStr("a secret of the bot, long enough"), "auto": SecretStr("the auto-approver's own secret")}

POLICY = Policy.model_validate(
    {
        "minimum_signatures": {"low": 1, "medium": 1, "high": 2, "critical": 2},
        "signers": [
            *({"name": name, "ed25519": public_text(key.public_key())} for name, key in KEYS.items()),
            {"name": "bot", "hmac": "bot", "may_sign": "medium"},
            {"name": "auto_approver", "hmac": "auto"},
        ],
        "auto_approver": {"enabled": True, "up_to": "medium"},
    }
)

CONTENT = SignedContent(
    action="kubectl rollout restart deployment/api -n prod",
    target={"kind": "Deployment", "names": ["api"], "namespace": "prod"},
    parameters={"operation": "restart", "parameters": {}},
    risk_level="medium",
    requested_by="dora",
    expires_at=datetime(2026, 3, 2, tzinfo=UTC),
)


@dataclass(frozen=True)
class Pen:
    """Signs requests with the keys above."""

    approval_id: str = APPROVAL

    def sign(
        self, name: str, content: SignedContent = CONTENT, decision: Decision = Decision.APPROVE, as_name: str = ""
    ) -> RecordedSignature:
        """Return `name`'s signature as it would be recorded."""
        signer = as_name or name
        if name in KEYS:
            value = sign_ed25519(
                content, approval_id=self.approval_id, signer=signer, decision=decision, key=KEYS[name]
            )
        else:
            key = {"bot": "bot", "auto_approver": "auto"}[name]
            value = sign_hmac(
                content,
                approval_id=self.approval_id,
                signer=signer,
                decision=decision,
                key=key,
                secret=SECRETS[key],
            )
        return RecordedSignature(signer, decision, "fine by me", value.algorithm, value.key_id, value.value, AT)
