"""Show a text where it is shown, and let it do nothing else there: no markup, no link, no command to a terminal.

Names, descriptions, actions, what commands print and what a cluster says are other people's texts. Each is escaped
once, at the place where it is shown, by the function of that place:

- `terminal`, `visible`: what a terminal obeys, and what nobody sees, appears as \\u{…} with its code point;
- `json_text`: the same for JSON on a terminal, as JSON's own \\uXXXX;
- `markdown`, `code_span`, `code_block`: artifacts and cases;
- `html`, `slack`, `plain`, `discord`: channels, where a text must mention nobody either.

Masking comes before: a secret is looked for in the text as it is.
"""

import html as standard_html
import json
import re
import unicodedata
from functools import lru_cache
from typing import Any, Final

NO_WIDTH: Final = "\u200b"
"""Takes apart what a chat would read as a mention or a mark, where it has no escape for it."""

# Control, format (bidirectional, zero-width, tags), surrogates, private use, unassigned, line separators.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and marks without a shape: Hangul fillers, the braille blank, the combining grapheme joiner.
_BLANK_LOOKING: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
_IDEOGRAPHIC_SPACE: Final = "\u3000"

_NOT_PLAIN: Final = re.compile(r"[^ -~]")
_NOT_PLAIN_OR_WRITTEN_SO: Final = re.compile(r"[^ -~]|\\(?=u\{)")


@lru_cache(maxsize=4096)
def is_hidden(char: str) -> bool:
    """Tell whether `char` is not seen, or changes how others are seen. A line feed and a tab are hidden too."""
    return unicodedata.category(char) in _HIDDEN or char in _BLANK_LOOKING


def visible(text: str, *, lines: bool = False) -> str:
    """Return `text` with what is not seen as \\u{…}; with `lines`, line feeds and tabs stay. Idempotent."""
    keep = "\n\t" if lines else ""
    return _NOT_PLAIN.sub(lambda found: _shown(found[0], keep), text)


def terminal(text: str, *, lines: bool = False) -> str:
    """Return `text` as a terminal may show it: like `visible`, and no two texts look the same.

    A backslash that begins what looks like \\u{…} is shown as \\u{5c}, spaces of other kinds by their code points.
    """
    keep = "\n\t" if lines else ""
    return _NOT_PLAIN_OR_WRITTEN_SO.sub(lambda found: _told_apart(found[0], keep), text)


def _shown(char: str, keep: str) -> str:
    return char if char in keep or not (is_hidden(char) or _selects(char)) else f"\\u{{{ord(char):x}}}"


def _selects(char: str) -> bool:
    """Tell whether `char` is a variation selector: not seen itself, and good for writing a text into a text."""
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _told_apart(char: str, keep: str) -> str:
    looks_like_a_space = unicodedata.category(char) == "Zs" and char != _IDEOGRAPHIC_SPACE
    return f"\\u{{{ord(char):x}}}" if char == "\\" or looks_like_a_space else _shown(char, keep)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return `value` as JSON in which what is not seen is written \\uXXXX, so that programs read what it is."""
    written = json.dumps(value, ensure_ascii=False, indent=indent)
    # Line feeds are between the values alone: within them JSON has no bare ones.
    return _NOT_PLAIN.sub(
        lambda found: found[0] if found[0] == "\n" or not is_hidden(found[0]) else json.dumps(found[0])[1:-1], written
    )


# --- markdown ---------------------------------------------------------------------------------------

# CommonMark 0.31, 2.4: any ASCII punctuation may be escaped with a backslash. These can begin or end something.
# An underscore within a word does neither (CommonMark 0.31, 6.2).
_MARKS: Final = re.compile(r"([\\`*~\[\]<>#&$]|(?<![^\W_])_|_(?![^\W_]))")
# What makes a block of a line: lists, headings, rules.
_BLOCK: Final = re.compile(r"^([-+=])|^([0-9]{1,9})([.)])")


def markdown(text: str) -> str:
    """Return `text` as one line of markdown that shows it as it is, in a table too."""
    # As a reference, because a table is cut at its pipes before anything else is read (GFM 4.10).
    line = _MARKS.sub(r"\\\1", visible(" ".join(text.split()))).replace("|", "&#124;")
    return _BLOCK.sub(r"\\\1" if line[:1] in "-+=" else r"\2\\\3", line)


def code_span(text: str) -> str:
    """Return `text` as one inline code span, for a line or a table; with a pipe in it as plain text.

    In a table there is no way to write a pipe after a backslash in a span (GFM 4.10).
    """
    if "|" in text:
        return markdown(text)
    line = visible(" ".join(text.split()))
    if not line:
        return ""
    fence = "`" * (_longest_backticks(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def code_block(text: str) -> str:
    """Return `text` as a fenced block; nothing in it ends the fence."""
    text = visible(text, lines=True)
    fence = "`" * max(3, _longest_backticks(text) + 1)
    return f"{fence}\n{text}\n{fence}"


def _longest_backticks(value: str) -> int:
    return max(map(len, re.findall("`+", value)), default=0)


# --- channels ---------------------------------------------------------------------------------------

# A mention, wherever a word does not go on from before it: user@host is left as it is.
_MENTION: Final = re.compile(r"(?<![\w.+-])@(?=\S)|@(?=everyone|here|channel|all)", re.IGNORECASE)
# <@user>, <!here>, <#channel>, <https://…|text>
_ANGLE: Final = re.compile(r"<(?=[@!#&\w/])")
_BANG: Final = re.compile(r"!(?=(?:here|channel|everyone)\b)", re.IGNORECASE)
_SLACK_MARKS: Final = re.compile(r"([*_~`])")
_DISCORD_MARKS: Final = re.compile(r"([\\`*_~|\[\]<>#&])")


def plain(text: str) -> str:
    """Return `text` for a channel without markup: nothing hidden, and nobody is mentioned."""
    text = visible(text)
    for pattern in (_MENTION, _ANGLE, _BANG):
        text = pattern.sub(lambda found: found[0] + NO_WIDTH, text)
    return text


def html(text: str) -> str:
    """Return `text` for HTML, in an attribute too, and for Telegram's; nobody is mentioned."""
    return standard_html.escape(plain(text), quote=True)


def slack(text: str) -> str:
    """Return `text` for Slack's mrkdwn: no link, no mark, no mention begins in it."""
    # Slack has no escape for its marks but these three; a character of no width keeps them from pairing.
    text = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _SLACK_MARKS.sub(rf"{NO_WIDTH}\1{NO_WIDTH}", text)
    for pattern in (_MENTION, _BANG):
        text = pattern.sub(lambda found: found[0] + NO_WIDTH, text)
    return text


def discord(text: str) -> str:
    """Return `text` for the markdown of a chat, where nobody is mentioned."""
    return _DISCORD_MARKS.sub(r"\\\1", plain(text))
