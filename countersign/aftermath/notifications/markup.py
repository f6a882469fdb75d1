"""A message in the markup of a service: escaped, and within the service's limits whatever it says.

Values are cut before they are escaped, so that no markup is ever cut. What mentions people or groups is taken apart
with a character of no width: a message must not wake up a whole channel because an action contains "@everyone".
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from countersign import escaping
from countersign.aftermath.notifications.message import Message, middle_cut


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


def escaped(value: str, dialect: Dialect) -> str:
    """Return `value` such that the dialect shows it as it is: no markup, no link, no mention begins in it."""
    match dialect:
        case Dialect.PLAIN:
            return escaping.plain(value)
        case Dialect.HTML | Dialect.TELEGRAM:
            return escaping.html(value)
        case Dialect.MARKDOWN:
            return escaping.discord(value)
        case Dialect.MRKDWN:
            return escaping.slack(value)


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
