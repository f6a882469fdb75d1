"""What whoever decides on a request is shown: every field that a signature binds, in one order, in one spelling.

The command line, the page and the chats ask here, so that nobody signs what somebody else saw otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from countersign.canonical import canonical_json
from countersign.escaping import terminal
from countersign.texts import text

SHOWN_FIRST: Final = ("action", "requested_by", "risk_level", "description")
"""Fields that a signer reads first; the others follow in the order of their names."""


@dataclass(frozen=True)
class SignedField:
    """One field of what is signed."""

    label: str
    """What people call it."""
    words: str
    """Its value on one line. No two values look the same: what is not seen stands there by its code point."""


def in_order(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a content (SignedContent.as_json) in the order in which they are read."""
    return {name: content[name] for name in (*SHOWN_FIRST, *sorted(content.keys() - set(SHOWN_FIRST)))}


def fields_shown(content: Mapping[str, Any], *, language: str | None = None) -> Sequence[SignedField]:
    """Return every field of a content as it is shown."""
    return [
        SignedField(text(f"signing.field_{name}", language=language), _words(value, language))
        for name, value in in_order(content).items()
    ]


def _words(value: Any, language: str | None) -> str:
    if value is None or value in ("", {}):
        return text("signing.nothing", language=language)
    return terminal(value if isinstance(value, str) else canonical_json(value))
