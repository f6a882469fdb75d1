"""Characters: those that hide something are refused, full-width forms of ASCII become ASCII outside quotes."""

import unicodedata
from typing import Final

from countersign.errors import HiddenCharacters
from countersign.escaping import is_hidden

_NAMED: Final = {"Cc": "a control character", "Cs": "half a surrogate pair", "Cn": "an unassigned character"}
SPACES: Final = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
"""Spaces of every width, as editors and documents put them in; all stand for an ASCII space."""
BLANKS: Final = f" \t{SPACES}"
_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    **{ord(space): 0x20 for space in SPACES},
    0x201C: 0x22,
    0x201D: 0x22,
    0x2018: 0x27,
    0x2019: 0x27,
}


def refuse_hidden_characters(text: str, *, of: str = "the action", line_breaks: bool = True) -> None:
    """Raise HiddenCharacters if `text` has characters that are not seen, or that change how others are seen."""
    allowed = "\n\t" if line_breaks else ""
    for char in text:
        if char.isascii() and (" " <= char <= "~" or char in allowed):
            continue
        if is_hidden(char):
            name = _NAMED.get(unicodedata.category(char), "an invisible character")
            raise HiddenCharacters(
                f"{of} has {name} (U+{ord(char):04X})", hint="type the text afresh instead of pasting it"
            )


def narrow(text: str) -> str:
    """Return `text` with full-width ASCII, other spaces and typographic quotes as ASCII, outside ASCII quotes.

    A typographic quote opens a quotation too, so that what stands inside stays as it is.
    """
    out: list[str] = []
    quote = ""
    escaped = False
    for char in text:
        plain = char.translate(_FULL_WIDTH)
        if escaped:
            out.append(char)
            escaped = False
        elif quote:
            closes = plain if quote in "'\"" and char == quote else ""
            if quote not in "'\"":
                closes = plain if char in _CLOSING[quote] else ""
            escaped = char == "\\" and quote == '"'
            if closes:
                quote = ""
                out.append(closes)
            else:
                out.append(char)
        else:
            if plain in "'\"":
                quote = char
            escaped = char == "\\"
            out.append(plain)
    return "".join(out)


_CLOSING: Final = {
    "\uff02": "\uff02",
    "\uff07": "\uff07",
    "\u201c": "\u201d\u201c",
    "\u201d": "\u201d\u201c",
    "\u2018": "\u2019\u2018",
    "\u2019": "\u2019\u2018",
}
