"""What the block types have in common: how a form's values are taken in and how a mistake is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ConfigDict, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

from countersign.errors import BlockRefused, CountersignError

# Prefect's blocks allow unknown fields and pydantic quotes the value it refuses: here a misspelt field is an
# error, and no error shows what was typed into a secret.
FORM = ConfigDict(extra="forbid", hide_input_in_errors=True)
REFUSED: Final = "countersign_refused"
"""The type of an error that was a BlockRefused."""


def _empty_is_absent(value: Any) -> Any:
    # The UI sends an emptied text field as "".
    return None if isinstance(value, str) and not value.strip() else value


Text = Annotated[str | None, BeforeValidator(_empty_is_absent)]
Secret = Annotated[SecretStr | None, BeforeValidator(_empty_is_absent)]
# A secret of several lines. The newer of Prefect's two UIs shows a string of the format "password" as a field of
# one line, which drops the line breaks of what is pasted; without the format it is a text area in both.
SecretText = Annotated[
    SecretStr | None,
    BeforeValidator(_empty_is_absent),
    WithJsonSchema({"anyOf": [{"type": "string", "writeOnly": True}, {"type": "null"}]}),
]


@contextmanager
def mistakes() -> Iterator[None]:
    """Turn Countersign's errors into ones that pydantic collects: the sentence, then what would work."""
    try:
        yield
    except CountersignError as error:
        said = error.message.rstrip(".") + (f"; {error.hint}" if error.hint else "")
        # pydantic keeps the type, and of the error itself nothing (blocks.loading).
        kind = REFUSED if isinstance(error, BlockRefused) else "countersign"
        raise PydanticCustomError(kind, "{said}", {"said": said}) from None
