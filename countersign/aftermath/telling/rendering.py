"""A message in the markup of a service: escaped, and within the service's limits whatever it says.

Values are cut before they are escaped, so that no markup is ever cut. What mentions people or groups is taken apart
with a character of no width: a message must not wake up a whole channel because an action contains "@everyone".
"""

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from countersign.aftermath.telling.message import Message, middle_cut

NO_WIDTH = "\u200b"


class Dialect(StrEnum):
    """How a text is marked up."""

    PLAIN = "plain"
    HTML = "html"
    TELEGRAM = "telegram"
    """HTML whose lines end with a line feed."""
    MARKDOWN = "markdown"
    """CommonMark."""
    MRKDWN = "mrkdwn"
    """Slack's own."""


@dataclass(frozen=True)
class Limits:
    """The most characters (UTF-16 units, as the strictest services count) of title and body."""

    title: int
    """0: the service has no title, so it becomes the body's first line."""
    body: int


@dataclass(frozen=True)
class Rendered:
    """What is sent."""

    title: str
    body: str


# A mention, wherever a word does not go on from before it: user@host is left as it is.
_MENTION = re.compile(r"(?<![\w.+-])@(?=\S)|@(?=everyone|here|channel|all)", re.IGNORECASE)
# <@user>, <!here>, <#channel>, <https://…|text>
_ANGLE = re.compile(r"<(?=[@!#&\w/])")
_BANG = re.compile(r"!(?=(?:here|channel|everyone)\b)", re.IGNORECASE)
_MARKS = re.compile(r"([*_~`])")
_MARKDOWN = re.compile(r"([\\`*_~|\[\]<>#&])")


def plain(value: str) -> str:
    """Return `value` without control characters, without what reverses the direction of reading, without mentions."""
    value = "".join(one for one in value if one not in _BIDI and unicodedata.category(one) not in ("Cc", "Cs"))
    for pattern in (_MENTION, _ANGLE, _BANG):
        value = pattern.sub(lambda found: found[0] + NO_WIDTH, value)
    return value


_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def escaped(value: str, dialect: Dialect) -> str:
    """Return `value` such that the dialect shows it as it is: no markup, no link, no mention begins in it."""
    if dialect is Dialect.MRKDWN:
        # Slack has no escape for its marks but these three; a character of no width keeps them from pairing.
        value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return plain(_MARKS.sub(rf"{NO_WIDTH}\1{NO_WIDTH}", value))
    value = plain(value)
    match dialect:
        case Dialect.PLAIN:
            return value
        case Dialect.HTML | Dialect.TELEGRAM:
            return html.escape(value, quote=True)
        case Dialect.MARKDOWN:
            return _MARKDOWN.sub(r"\\\1", value)


def render(message: Message, dialect: Dialect, limits: Limits) -> Rendered:
    """Return the message in `dialect` within `limits`: long values lose their middles, then the last facts go."""
    title = ""
    if limits.title > 0:
        title = _fit(lambda most: escaped(middle_cut(message.title, most), Dialect.PLAIN), limits.title)

    def body(most: int, count: int | None = None) -> str:
        heading = middle_cut(message.title, most) if limits.title <= 0 else None
        return _body(message.with_values(most, count), heading, dialect)

    for count in (None, *range(len(message.facts) - 1, -1, -1)):
        fitting = _largest(partial(body, count=count), limits.body, least=SHORTEST)
        if fitting is not None:
            return Rendered(title, fitting)
    return Rendered(title, _fit(lambda most: escaped(middle_cut(message.title, most), dialect), limits.body))


SHORTEST = 40
"""Values are not cut below this many characters while a less important fact could go instead."""
_LONGEST = 20_000


def length(value: str) -> int:
    """Return the length of `value` in UTF-16 units, as Telegram and Discord count."""
    return len(value.encode("utf-16-le", "surrogatepass")) // 2


def _body(message: Message, title: str | None, dialect: Dialect) -> str:
    lines = [] if title is None else [_strong(escaped(title, dialect), dialect)]
    lines += [
        f"{_strong(escaped(name, dialect) + ':', dialect)} {escaped(value, dialect)}" for name, value in message.facts
    ]
    return _LINE_END[dialect].join(lines)


_LINE_END = {
    Dialect.PLAIN: "\n",
    Dialect.HTML: "<br>\n",
    Dialect.TELEGRAM: "\n",
    # Two spaces before the line feed are a line break of CommonMark.
    Dialect.MARKDOWN: "  \n",
    Dialect.MRKDWN: "\n",
}


def _strong(value: str, dialect: Dialect) -> str:
    match dialect:
        case Dialect.PLAIN:
            return value
        case Dialect.HTML | Dialect.TELEGRAM:
            return f"<b>{value}</b>"
        case Dialect.MARKDOWN:
            return f"**{value}**"
        case Dialect.MRKDWN:
            return f"*{value}*"


def _largest(make: Callable[[int], str], limit: int, *, least: int) -> str | None:
    """Return the longest of make(least …) that is within `limit`, None if not even the shortest is."""
    if length(longest := make(_LONGEST)) <= limit:
        return longest
    fitting = make(least)
    if length(fitting) > limit:
        return None
    low, high = least, _LONGEST
    while high - low > 1:
        middle = (low + high) // 2
        if length(candidate := make(middle)) <= limit:
            low, fitting = middle, candidate
        else:
            high = middle
    return fitting


def _fit(make: Callable[[int], str], limit: int) -> str:
    return _largest(make, limit, least=1) or ""
