"""JSON inside an action, read strictly: what is not JSON is refused, saying which slip it looks like and the way out.

The slips are those of copying: quotes escaped for another quotation, typographic quotes of a chat or a document,
quotes eaten by a shell, literals of Python, punctuation of a Chinese keyboard.
"""

import json
import re
import unicodedata
from typing import Any, Final, NoReturn

from countersign.errors import ParseFailure

EXAMPLE: Final = """-p '{"spec":{"minReplicas":2}}'"""
SINGLE_QUOTES: Final = f"write it in single quotes, for example {EXAMPLE}"
WHOLE_VALUES: Final = "quote the value to mean text, or write a whole number, true, false or null"
TYPOGRAPHIC: Final = frozenset("“”„‟‘’‚‛«»‹›")
QUOTE_LIKE: Final = TYPOGRAPHIC | frozenset("「」『』＂＇´`\"'\\")
# One that is not closed goes to the end: looked for from each later quote too, it would take the square of the time.
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*("?)', re.DOTALL)
_LITERALS: Final = re.compile(r"(?<![\w.])(None|True|False|undefined|nil|NULL|TRUE|FALSE)(?![\w.])")
_BARE_KEY: Final = re.compile(r"[{,]\s*([A-Za-z_][\w./-]*)\s*:")
_TRAILING_COMMA: Final = re.compile(r",\s*[}\]]")
_COMMENT: Final = re.compile(r"//|/\*|(?:^|\s)#")
_TEMPLATE: Final = re.compile(r"<[A-Za-z][\w -]*>|\{\{|\.\.\.|…")


def read_json(text: str, *, of: str) -> Any:
    """Return the JSON value that `text` is. Raises ParseFailure naming the slip; `of` is for example "the patch".

    A key that stands twice in one object is refused, since readers disagree on which one counts.
    """
    try:
        return json.loads(text, object_pairs_hook=unique_keys, parse_constant=_no_constant)
    except RecursionError:
        raise ParseFailure(f"{of} is nested too deeply", hint="write the inner object alone") from None
    except json.JSONDecodeError as error:
        what, hint = slip_in(text) or (f"{error.msg} at character {error.pos + 1}", SINGLE_QUOTES)
    except ValueError as error:
        what, hint = str(error)[:80], SINGLE_QUOTES
    raise ParseFailure(f"{of} begins like JSON and is none: {what}", hint=hint)


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of `pairs`. Raises ParseFailure for a key that stands twice or has quotes as a part of it."""
    out: dict[str, Any] = {}
    for key, value in pairs:
        if key in out:
            raise ParseFailure(f"the patch has the key {key[:60]!r} twice in one object", hint="keep one of them")
        if found := next((char for char in key if char in QUOTE_LIKE), None):
            raise ParseFailure(
                f"the patch has {found} as a part of the key {key[:60]!r}: no field is called so",
                hint=f"keys stand in plain double quotes, for example {EXAMPLE}",
            )
        out[key] = value
    return out


def slip_in(text: str) -> tuple[str, str] | None:
    """Return what is wrong with `text` and what would work, None where it is none of the known slips.

    `text` is known to be no JSON.
    """
    outside = _STRING.sub(lambda found: '""' if found[1] else found[0], text)
    if '\\"' in outside or text.lstrip(" \t\n{[").startswith('\\"'):
        return (
            'its quotes are escaped (\\"), and inside single quotes a backslash stays',
            f"leave out the backslashes, for example {EXAMPLE}",
        )
    if char := next((char for char in outside if char in TYPOGRAPHIC), None):
        return f"it has the typographic quote {char}", f"type plain double quotes, for example {EXAMPLE}"
    if char := next((char for char in outside if _is_wide(char)), None):
        plain = unicodedata.normalize("NFKC", char)
        instead = (
            f"type {plain} instead" if plain.isascii() and plain.strip() else "leave it out, or type a plain one"
        )
        return f"it has {char!r} ({unicodedata.name(char, 'a character').lower()})", instead
    if "\\n" in outside or "\\t" in outside:
        return "it has \\n or \\t between its parts", "leave them out, or write real line breaks"
    if "'" in outside:
        return "its texts stand in single quotes", f"JSON takes double quotes, for example {EXAMPLE}"
    if found := _LITERALS.search(outside):
        return f"it has {found[1]}", "JSON has true, false and null, in lower case"
    if _TEMPLATE.search(outside):
        return "it has a placeholder that was never filled in", "write the whole value"
    if found := _BARE_KEY.search(outside):
        return (
            f"the key {found[1][:40]} stands without quotes (a shell takes them away inside double quotes)",
            SINGLE_QUOTES,
        )
    if _COMMENT.search(outside):
        return "it has a comment", "JSON has none: leave it out"
    if _TRAILING_COMMA.search(outside):
        return "a comma stands before a closing bracket", "leave the comma out"
    return _unbalanced(outside)


def _is_wide(char: str) -> bool:
    """Tell whether `char` stands for punctuation or a space, and is not the ASCII one."""
    return not char.isascii() and unicodedata.category(char)[0] in "PZS"


def _unbalanced(outside: str) -> tuple[str, str] | None:
    if outside.count('"') % 2:
        return "a double quote is not closed", "close the quote"
    for opening, closing in ("{}", "[]"):
        missing = outside.count(opening) - outside.count(closing)
        if missing:
            which = closing if missing > 0 else opening
            return f"{abs(missing)} {which} too few", f"write as many {closing} as {opening}"
    return None


def _no_constant(name: str) -> NoReturn:
    raise ParseFailure(f"the patch has {name}, which JSON does not know", hint=WHOLE_VALUES)
