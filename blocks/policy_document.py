"""The policy, and the secrets of the HMAC keys that it names."""

from typing import ClassVar, Self

from prefect.blocks.core import Block
from prefect.types import SecretDict
from pydantic import Field, SecretStr, model_validator

from blocks.form import FORM, mistakes
from countersign.errors import ConfigurationError
from countersign.policy.document import Policy
from countersign.policy.keys import secret_bytes
from countersign.policy.loading import load_policy

EXAMPLE = """\
protected_namespaces: [kube-system, kube-public, kube-node-lease]
max_affected_pods: 50
# signers:
#   - name: alice@example.com
#     ed25519: the public key that `countersign keys new alice@example.com` prints
"""


class PolicyDocument(Block):
    """What may be done to what, when, and by whose signature."""

    model_config = FORM
    _block_type_name: ClassVar[str | None] = "Countersign: policy"
    _block_type_slug: ClassVar[str | None] = "countersign-policy"
    _description: ClassVar[str | None] = (
        "Freeze windows, protected namespaces and hosts, limits, and who may sign. One policy for people and for "
        "the auto-approver."
    )

    document: str = Field(
        default=EXAMPLE,
        title="Policy",
        description="YAML; what is left out keeps its default. Without signers nothing can be approved.",
    )
    hmac_secrets: SecretDict | None = Field(
        default=None,
        title="HMAC secrets",
        description='Secret of each HMAC key of the policy, e.g. {"release-bot-2026": "at least 16 bytes"}.',
    )

    @model_validator(mode="after")
    def _can_be_right(self) -> Self:
        with mistakes():
            policy = self.policy()
            named = {signer.hmac for signer in policy.signers if signer.hmac is not None}
            for key_id, secret in self.secrets().items():
                secret_bytes(secret, key_id=key_id)
                if key_id not in named:
                    known = ", ".join(sorted(named)) or "none"
                    raise ConfigurationError(
                        f"hmac_secrets has the key {key_id!r}, which no signer of the policy has",
                        hint=f"the policy's HMAC keys: {known}",
                    )
        return self

    def policy(self) -> Policy:
        """Return the policy. Raises ConfigurationError naming the field and the line."""
        return load_policy(self.document)

    def secrets(self) -> dict[str, SecretStr]:
        """Return the HMAC secrets by key id. Raises ConfigurationError for one that is not text."""
        given = {} if self.hmac_secrets is None else self.hmac_secrets.get_secret_value()
        for key_id, secret in given.items():
            if not isinstance(secret, str):
                raise ConfigurationError(
                    f"hmac_secrets: the secret of {key_id!r} is not text", hint="put it in quotes"
                )
        return {key_id: SecretStr(secret) for key_id, secret in given.items()}

    def check(self) -> str:
        """Say what the policy amounts to. Raises ConfigurationError if an approval could never be signed with it."""
        policy, secrets = self.policy(), self.secrets()
        if not policy.signers:
            raise ConfigurationError(
                "the policy names no signers, so nothing can be approved",
                hint="`countersign keys new NAME --enter` makes a key and enters it",
            )
        missing = sorted({signer.hmac for signer in policy.signers if signer.hmac} - set(secrets))
        if missing:
            raise ConfigurationError(
                f"the secrets of the HMAC keys {', '.join(missing)} are missing", hint="add them to hmac_secrets"
            )
        names = ", ".join(dict.fromkeys(signer.name for signer in policy.signers))
        switch = f"The policy's kill_switch is {'on' if policy.kill_switch else 'off'}."
        return f"{names} may sign; {len(policy.freeze_windows)} freeze windows. {switch}"
