"""Who may sign, with which key and up to which risk; and what the auto-approver may decide alone."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from countersign.policy.chat_accounts import ChatAccount
from countersign.policy.keys import key_id_of, load_public_key, public_text
from countersign.policy.names import identity
from countersign.policy.operations import DEFAULT_AUTOMATIC, OperationPatterns
from countersign.policy.passkeys import Passkey
from countersign.policy.problem import problem
from countersign.policy.risk import RiskLevel

AUTO_APPROVE_PREFIX = "auto_approve"


def is_auto_approved(requested_by: str) -> bool:
    """Tell whether the request was made by the auto-approver (`requested_by` starts with auto_approve, any case)."""
    return requested_by.lower().startswith(AUTO_APPROVE_PREFIX)


def _printable(name: str) -> str:
    # A line feed in a name would make the signed bytes ambiguous.
    if not name.isprintable() or name != name.strip() or not name:
        raise problem("has control characters or spaces around it", "write a plain name, e.g. alice@example.com")
    return name


def _public_key(text: str) -> str:
    try:
        return public_text(load_public_key(text))
    except ValueError as error:
        raise problem(
            f"this key {error}" if str(error).startswith("is ") else "this key cannot be read",
            "give base64 of the 32 bytes, PEM or an ssh-ed25519 line; `countersign keys new NAME` prints it",
        ) from None


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
PublicKey = Annotated[str, AfterValidator(_public_key)]


class Signer(BaseModel):
    """One key of one person. A person with two keys (a rotation) is listed twice and still counts once."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Name
    ed25519: PublicKey | None = None
    """The public key, kept as base64 of its 32 bytes."""
    hmac: Name | None = None
    """The id of an HMAC key; its secret is given beside the policy."""
    passkey: Passkey | None = None
    """The public key of a passkey, with which a browser signs."""
    chat: ChatAccount | None = None
    """An account of a chat, for whose clicks a server signs."""
    may_sign: RiskLevel = RiskLevel.CRITICAL
    """The highest risk level this signature counts for."""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if sum(key is not None for key in (self.ed25519, self.hmac, self.passkey, self.chat)) != 1:
            raise problem(
                f"signer {self.name!r} needs exactly one key",
                "give either ed25519 (a public key), passkey (site and key), hmac (a key id) or chat (an account)",
            )
        return self

    @property
    def key_id(self) -> str:
        """The name under which a signature refers to this key."""
        if self.ed25519 is not None:
            return key_id_of(load_public_key(self.ed25519))
        if self.passkey is not None:
            return self.passkey.key_id
        if self.chat is not None:
            return self.chat.key_id
        return f"hmac:{self.hmac}"


class AutoApprover(BaseModel):
    """What may be executed with nobody's signature but the auto-approver's own."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    enabled: bool = False
    signer: Name = "auto_approver"
    """The entry of `signers` that it signs with."""
    up_to: RiskLevel = RiskLevel.LOW
    operations: OperationPatterns = DEFAULT_AUTOMATIC
    trust: Annotated[float, Field(ge=0, le=1)] = 0.5
    """What its decision alone is worth at the host gateway's fourth gate; a person's signature is worth 1."""

    def is_it(self, name: str) -> bool:
        """Tell whether `name` is the auto-approver's."""
        return identity(name) == identity(self.signer)
