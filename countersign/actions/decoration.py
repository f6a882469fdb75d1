"""Taking a command out of what people and language models put around it.

Code fences, prompts, list markers, labels, ticks and quotes around the whole command, Chinese before or after
it, and explanations that can be nothing else are dropped. A command inside other prose is refused.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from countersign.actions.characters import BLANKS, SPACES
from countersign.actions.notes import describes_only
from countersign.actions.other_tools import other_tool
from countersign.actions.prefixes import CLOSERS, FENCE_BEFORE, check_prefix, is_label
from countersign.actions.prose import SECOND, check_line, check_tail, is_ideograph, refuse_doubt
from countersign.errors import ParseFailure

_START: Final = re.compile(
    r"(?<![A-Za-z0-9_./\\$~=:@-])(?:kubectl(?=\s|$)|ssh(?=[ \t" + SPACES + r"])|ssh://)|(?<=[:=])kubectl(?=\s)"
)
# The info of a fence may have attributes after its language: title="fix", linenos=true.
_FENCE: Final = re.compile(
    r"""[ \t]*(?:`{3,}|~{3,})[ \t]*[A-Za-z0-9+_-]*(?:[ \t]+[\w-]+=(?:"[^"`]*"|[\w.-]+))*[ \t]*"""
)
_PROMPT_INSIDE: Final = re.compile(r"(?<=[`「『“【])[ \t]*(?:[$#%❯>→]|~ ?[$#%❯])[ \t]+$")
_CONTINUES: Final = re.compile(rf"\\[{BLANKS}]*\n")
_WRAPPERS: Final = (("**", "**"), ("__", "__"), ("*", "*"), ("_", "_"), ('"', '"'), ("'", "'"), ("“", "”"))
_OPENS_TAIL: Final = frozenset("（【「『")
_ENDS_SENTENCE: Final = frozenset("。！？…")
_SEPARATES: Final = frozenset("，、；：,:")
_BETWEEN: Final = frozenset(f"{BLANKS}，。、；：！？")
_SPACE: Final = frozenset(f" {SPACES}")
_DASHES: Final = frozenset("—–―")


@dataclass(frozen=True)
class Found:
    """One command and what stood around it on its line."""

    prefix: str
    body: str
    tail: str


def command_in(text: str) -> str:
    """Return the one command in `text`, bare. Raises ParseFailure when there is none, two, or a doubt."""
    text = _unwrap(text.strip())
    found, above, below = _split(text)
    if not found:
        raise _no_command(text)
    if len(found) > 1:
        raise ParseFailure("there is a second command", hint="file each command as its own approval")
    one = found[0]
    check_prefix(one.prefix)
    body, tail = (one.body, one.tail) if one.tail else _cut_tail(one.body)
    if tail:
        check_tail(tail, command=body)
    for line in above:
        if not is_label(line):
            check_line(line, command=body)
    for line in below:
        check_line(line, command=body)
    return body.strip()


def _unwrap(text: str) -> str:
    for opening, closing in _WRAPPERS:
        inner = text[len(opening) : len(text) - len(closing)]
        wrapped = text.startswith(opening) and text.endswith(closing) and _START.match(inner)
        if wrapped and opening not in inner and closing not in inner and "\n" not in inner:
            return inner
    return text


def _split(text: str) -> tuple[list[Found], list[str], list[str]]:
    """Return the commands, and the lines that are none: above the first, and below."""
    found: list[Found] = []
    above: list[str] = []
    below: list[str] = []
    position = 0
    fenced = False
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end]
        if _FENCE.fullmatch(line):
            fenced = True
            position = end + 1
            continue
        start = None if _is_comment(line) else _START.search(line)
        if start is None:
            if line.strip():
                (below if found else above).append(line)
            position = end + 1
            continue
        prefix = _PROMPT_INSIDE.sub("", line[: start.start()])
        body, tail, position = _body(text, position + start.start(), prefix)
        # Models close a fence at the end of the command's line too.
        body = body.removesuffix("```") if fenced else body
        found.append(Found(prefix, body, tail))
    return found, above, below


def _is_comment(line: str) -> bool:
    """A line that starts with # is a comment, unless # is the prompt of root right before the command."""
    text = line.strip()
    return text.startswith("#") and not _START.match(text[1:].lstrip())


def _body(text: str, start: int, prefix: str) -> tuple[str, str, int]:
    """Return the command that starts at `start`, the rest of its line if the command has a closing mark, the end."""
    fence = FENCE_BEFORE.search(prefix)
    closer = "```" if fence else "``" if prefix.endswith("``") else CLOSERS.get(prefix[-1:], "")
    if prefix.endswith("**") and "**" in text[start:]:
        closer = "**"
    if closer:
        close = text.find(closer, start)
        if close < 0 and fence:
            closer, close = "", -1
        elif close < 0:
            raise ParseFailure(f"{prefix[-1]} before the command is not closed", hint="write the command alone")
        else:
            end = text.find("\n", close)
            end = len(text) if end < 0 else end
            body, stop = _to_line_end(text[:close], start)
            if stop < close:
                # More lines stand inside the fence.
                return body, "", stop + 1
            return body, _meaningful(text[close + len(closer) : end]), end + 1
    body, stop = _to_line_end(text, start)
    return body, "", stop + 1


def _meaningful(tail: str) -> str:
    return tail if tail.strip(" \t*") else ""


def _to_line_end(text: str, start: int) -> tuple[str, int]:
    """Return the command up to the line break that is neither quoted nor escaped, and where that is."""
    out: list[str] = []
    quote = ""
    position = start
    while position < len(text):
        char = text[position]
        if char == "\\" and quote != "'":
            # Blanks behind it are not seen, and are not meant: a shell would end the command there.
            continued = _CONTINUES.match(text, position) if not quote else None
            out.append(" " if continued else text[position : position + 2])
            position = continued.end() if continued else position + 2
            continue
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "\n":
            break
        elif char == "#" and text[position - 1] in " \t":
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
            refuse_doubt(text[position:end], where="in the comment")
            position = end
            break
        out.append(char)
        position += 1
    return "".join(out), position


def _cut_tail(body: str) -> tuple[str, str]:
    """Split the command from an explanation that follows it and cannot be part of it."""
    quote = ""
    word_start = True
    valued = False
    escaped = False
    follows = _follows(body)
    for index, char in enumerate(body):
        if escaped:
            escaped = False
            continue
        escaped = char == "\\" and quote != "'"
        if quote:
            quote = "" if char == quote else quote
            word_start = False
            continue
        if char in "'\"“‘":
            quote = {"“": "”", "‘": "’"}.get(char, char)
            continue
        if char in BLANKS:
            word_start, valued = True, False
            continue
        if _starts_tail(body, index, follows[index], word_start=word_start):
            return body[:index], body[index:]
        if is_ideograph(char) and not valued:
            raise ParseFailure(
                f"{body[index : index + 20]!r} stands directly after {body[:index].rsplit(maxsplit=1)[-1][:40]!r}, "
                "so it is not certain where the command ends",
                hint="put a space between the command and the explanation",
            )
        valued = valued or char in "=＝"
        word_start = False
    return body, ""


def _follows(body: str) -> list[str]:
    """Return, for each character, the next one after it that is neither blank nor punctuation; "" at the end."""
    follows = [""] * len(body)
    following = ""
    for index in range(len(body) - 1, -1, -1):
        follows[index] = following
        if body[index] not in _BETWEEN:
            following = body[index]
    return follows


def _starts_tail(body: str, index: int, following: str, *, word_start: bool) -> bool:
    char = body[index]
    if is_ideograph(char):
        return word_start
    if char in _OPENS_TAIL:
        return True
    if char in _ENDS_SENTENCE:
        return not following or not following.isascii() or body[index + 1 : index + 2] in _SPACE
    if char in _SEPARATES and not (char.isascii() and not following):
        return (not following and char in "，、：") or (bool(following) and is_ideograph(following))
    if char == "(":
        return word_start and ((bool(following) and is_ideograph(following)) or _is_note(body[index:], body[:index]))
    if char in _DASHES:
        return word_start and (body[index + 1 : index + 2] in {*_SPACE, "—"} or is_ideograph(following or "a"))
    return word_start and not char.isascii() and unicodedata.category(char) == "So"


def _is_note(text: str, command: str) -> bool:
    """Tell whether `text` is a note in brackets, to its end: (risk: low)."""
    text = text.strip()
    return text.endswith(")") and "(" not in text[1:] and describes_only(text[1:-1], command=command)


def _no_command(text: str) -> ParseFailure:
    first = text.split(maxsplit=1)[0][:40]
    if first in ("k", "kubectl.exe", "oc") or first.endswith("/kubectl") or first.lower() == "kubectl":
        return ParseFailure(
            f"{first!r} is not read as kubectl", hint="write kubectl …, in lower case and without a path"
        )
    if SECOND.search(text):
        return ParseFailure(
            "kubectl or ssh is mentioned, but the text is not a command", hint="write the command alone"
        )
    if first in ("docker", "docker-compose", "systemctl", "service", "nginx", "certbot", "truncate", "df", "uptime"):
        return ParseFailure(f"{first} says no host", hint=f"ssh HOST '{' '.join(text.split())[:120]}'")
    return other_tool(text) or ParseFailure(
        "the text has no command: nothing is guessed from a description",
        hint="for example: kubectl rollout restart deployment/api -n prod, or NO_ACTION to change nothing",
    )
