"""Who may put a policy in force: names, public keys and how many of them it takes, pinned outside the database.

    quorum: 2
    administrators:
      - name: alice@example.com
        ed25519: 6kqTrWzDyKbzXhRqg0xbyRR0nVL3QYyPJpX2rGgn8nk=
      - name: ben@example.com
        passkey: {site: countersign.example.com, key: pQECAyYgASFYI…}

The file is the root of what is believed about the policy, so everything ambiguous in it is refused: a key that is
listed twice, a name whose letters come from two alphabets, a quorum that nobody could reach.
"""

from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from countersign.errors import ConfigurationError, InvalidInput
from countersign.policy.keys import key_id_of, load_public_key
from countersign.policy.names import identity, require_name
from countersign.policy.passkeys import Passkey
from countersign.policy.problem import problem
from countersign.policy.signers import Name, PublicKey
from countersign.policy.yaml_text import read_yaml

FILE = "policy-administrators"
"""The file's name in the trust folder."""


def _told_apart(name: str) -> str:
    try:
        require_name(name, field="name")
    except InvalidInput as error:
        raise problem(error.message, error.hint or "write a plain name, e.g. ann@example.com") from None
    return name


class Administrator(BaseModel):
    """One key of one administrator. Someone with two keys (a rotation) is listed twice and counts once."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[Name, AfterValidator(_told_apart)]
    ed25519: PublicKey | None = None
    """The public key, kept as base64 of its 32 bytes."""
    passkey: Passkey | None = None
    """The public key of a passkey, with which a browser signs."""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if (self.ed25519 is None) == (self.passkey is None):
            raise problem(
                f"administrator {self.name!r} needs exactly one key",
                "give either ed25519 (a public key) or passkey (site and key)",
            )
        return self

    @property
    def key_id(self) -> str:
        """The name under which a signature refers to this key."""
        if self.passkey is not None:
            return self.passkey.key_id
        assert self.ed25519 is not None
        return key_id_of(load_public_key(self.ed25519))


class Administrators(BaseModel):
    """The pinned administrators."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    quorum: Annotated[int, Field(ge=1, strict=True)] = 1
    """How many different administrators have to sign a version."""
    administrators: Annotated[tuple[Administrator, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _can_be_right(self) -> Self:
        owners: dict[str, str] = {}
        for one in self.administrators:
            if one.key_id in owners:
                raise problem(
                    f"administrators {owners[one.key_id]!r} and {one.name!r} have the same key",
                    "give every entry its own key, so that two signatures are two people",
                )
            owners[one.key_id] = one.name
        if self.quorum > len(self.people):
            people = ", ".join(self.people)
            raise problem(
                f"the quorum is {self.quorum}, and there are {len(self.people)} administrators ({people})",
                "lower the quorum, or add an administrator",
            )
        return self

    @property
    def people(self) -> tuple[str, ...]:
        """Return everybody once, in the file's order."""
        return tuple({identity(one.name): one.name for one in reversed(self.administrators)}.values())[::-1]

    def passkeys_of(self, name: str, site: str | None) -> tuple[Administrator, ...]:
        """Return the entries of `name` whose passkeys are good on `site`."""
        return tuple(
            one
            for one in self.administrators
            if one.passkey is not None and one.passkey.site == site and identity(one.name) == identity(name)
        )

    def with_key(self, key_id: str) -> Administrator | None:
        """Return the entry whose key has this id."""
        return next((one for one in self.administrators if one.key_id == key_id), None)


def load_administrators(text: str, *, source: str) -> Administrators:
    """Read the pinned administrators from YAML. Raises ConfigurationError naming the field and the line."""
    document = read_yaml(text, source=source)
    if not isinstance(document.value, dict):
        raise ConfigurationError(f"{source} is not a mapping of fields", hint="write quorum and administrators")
    try:
        return Administrators.model_validate(document.value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        context: dict[str, Any] = first.get("ctx", {})
        line = document.line_of(first["loc"])
        where = f"{source}, line {line}: " if line else f"{source}: "
        field = ".".join(map(str, first["loc"]))
        raise ConfigurationError(
            f"{where}{field + ': ' if field else ''}{first['msg']}",
            hint=str(context.get("hint", "docs/policy.md shows the file")),
        ) from None


def administrators_text(administrators: Administrators) -> str:
    """Return the file's text."""
    return yaml.safe_dump(
        administrators.model_dump(mode="json", exclude_none=True), allow_unicode=True, sort_keys=False
    )
