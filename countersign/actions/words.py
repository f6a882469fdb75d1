"""Shell words without a shell: quotes and escapes are read, everything that a shell would act on is refused.

The rules are POSIX's (Shell Command Language, 2.2 Quoting and 2.3 Token Recognition), restricted: whatever
would make a shell expand, redirect or start something raises ParseFailure. Reading is linear in the text.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from countersign.errors import ParseFailure

METACHARACTERS: Final = frozenset(";&|<>`$()\n")
"""Outside quotes a shell acts on each of these."""
_GLOB: Final = frozenset("*?[]{}")
_BLANK: Final = frozenset(" \t")
_QUOTES: Final = frozenset("'\"")
_EXPANDS: Final = frozenset("({'\"@*#?$!-_")

_DASH_NAMES: Final = frozenset({"MINUS", "HYPHEN", "HYPHEN-MINUS", "DASH", "DASHES"})

_WHAT: Final = {
    ";": "; would start a second command",
    "&": "& would start a second command",
    "|": "| would pipe into a second command",
    "<": "< would redirect input (or is a placeholder that was never filled in)",
    ">": "> would redirect output",
    "`": "a backtick would start a command substitution",
    "$": "$ would be expanded by a shell",
    "(": "( would start a subshell",
    ")": ") would end a subshell",
    "\n": "a line break would start a second command",
}


@dataclass(frozen=True)
class Word:
    """One word of a command line."""

    text: str
    quoted: bool = False
    """Some part of it stood in quotes."""
    glob: bool = False
    """It has *, ?, brackets or braces outside quotes, which a shell would expand."""


def split_words(text: str) -> list[Word]:
    """Return the words of one command. A `#` at the start of a word makes the rest of its line a comment.

    Raises ParseFailure for a metacharacter outside quotes, an expansion inside double quotes, an unclosed quote,
    a backslash before a letter or digit, and a dash that is no hyphen.
    """
    words: list[Word] = []
    position = 0
    while position < len(text):
        if text[position] in _BLANK:
            position += 1
        elif text[position] == "#":
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
        else:
            word, position = _word(text, position)
            words.append(word)
    return words


def _word(text: str, position: int) -> tuple[Word, int]:
    out: list[str] = []
    quoted = glob = False
    while position < len(text) and text[position] not in _BLANK:
        char = text[position]
        if char in _QUOTES:
            part, position = _single(text, position) if char == "'" else _double(text, position)
            out.append(part)
            quoted = True
            continue
        if char in METACHARACTERS:
            raise metacharacter(char)
        if char == "\\":
            position += 1
            char = text[position : position + 1]
            if not text[position:].strip():
                raise ParseFailure(
                    "a backslash at its end says that the command goes on, and nothing follows",
                    hint="add the line that is missing, or leave the backslash out",
                )
            if not char or char in METACHARACTERS:
                raise ParseFailure(
                    "a backslash stands before a character that it may not escape here",
                    hint="put the value in single quotes",
                )
            if char.isalnum():
                # A shell drops it, so app:1.4.2\\n would be the image app:1.4.2n.
                raise ParseFailure(
                    f"\\{char} outside quotes would be a plain {char}: a shell drops the backslash",
                    hint=_unescaped(text[position:]),
                )
        elif is_dash(char) and "=" not in out:
            raise dash(char, text[position:])
        elif char in _GLOB:
            glob = True
        out.append(char)
        position += 1
    return Word("".join(out), quoted, glob), position


def _single(text: str, start: int) -> tuple[str, int]:
    end = text.find("'", start + 1)
    if end < 0:
        raise _unclosed("'")
    return text[start + 1 : end], end + 1


def _double(text: str, start: int) -> tuple[str, int]:
    out: list[str] = []
    position = start + 1
    while position < len(text):
        char = text[position]
        following = text[position + 1 : position + 2]
        if char == '"':
            return "".join(out), position + 1
        if char == "`":
            raise metacharacter(char)
        if char == "$" and (following in _EXPANDS or following.isalnum()) and following:
            raise ParseFailure(
                f"${following} inside double quotes is a variable or command that nobody expands here",
                hint="write the value itself, or use single quotes to mean the characters",
            )
        if char == "\\" and following and following in '"\\$`\n':
            out.append("" if following == "\n" else following)
            position += 2
            continue
        out.append(char)
        position += 1
    raise _unclosed('"')


def metacharacter(char: str) -> ParseFailure:
    """Return the failure for a shell metacharacter outside quotes."""
    return ParseFailure(
        f"shell metacharacter outside quotes: {_WHAT.get(char, repr(char))}",
        hint="write one command; file a second command as its own approval, and put values in single quotes",
    )


def _unescaped(following: str) -> str:
    """Return what to write instead of a backslash before `following`."""
    if following[0] == "n":
        return r"leave \n out"
    if re.match(r"x[0-9a-fA-F]{2}", following):
        return "a unit's name with an escape of systemd stands in quotes: ssh HOST 'systemctl restart \"NAME\"'"
    return "leave the backslash out, or put the value in single quotes"


def is_dash(char: str) -> bool:
    """Tell whether `char` looks like a hyphen and is none: em dash, en dash, any minus, non-breaking hyphen."""
    if char.isascii():
        return False
    return unicodedata.category(char) == "Pd" or not _DASH_NAMES.isdisjoint(unicodedata.name(char, "").split())


def dash(char: str, following: str) -> ParseFailure:
    """Return the failure for a dash where hyphens are meant. `following` starts with it."""
    word = following.split(maxsplit=1)[0].lstrip(char)[:40]
    name = unicodedata.name(char).lower()
    short = len(word.partition("=")[0]) == 1
    return ParseFailure(
        f"{char + word!r} has {_article(name)} {name} ({char}) where hyphens are meant",
        hint=f"type {'one hyphen' if short else 'hyphens'}: {'-' if short else '--'}{word}",
    )


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _unclosed(quote: str) -> ParseFailure:
    return ParseFailure(f"the quote {quote} is not closed", hint="close the quote")
