"""Where people are told how executions ended: channels, and the bot that replies on an alert's card."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import httpx
from pydantic import SecretStr

from countersign.errors import ConfigurationError

ROLLED_BACK = "rolled_back"
"""What a channel's `outcomes` call the end of a rollback; everything else is an Outcome."""
NOTHING_TO_DO = "no_action"
"""The outcome of an observation."""
CARD = "card"
"""The name under which the reply on the card is on record; no channel is called so."""
TELEGRAM_API = "https://api.telegram.org"
PORTS = range(1, 65_536)
_TELEGRAM = re.compile(r"tgram://[^/]+/([^?]*)(?:\?.*)?$")
_CHAT = re.compile(r"-?[0-9]+|@[A-Za-z0-9_]+")


class Format(StrEnum):
    """What a channel's messages are written in."""

    PLAIN = "plain"
    HTML = "html"
    MARKDOWN = "markdown"


@dataclass(frozen=True)
class Channel:
    """One place to tell. What it is told depends on risk and outcome.

    An empty set is every risk, and every outcome but that nothing was to be done: that is told where it is chosen.
    """

    name: str
    url: SecretStr | ConfigurationError
    """Apprise's address of it, with its tokens. An error is raised by sending, so that other channels work."""
    risks: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()
    language: str = "en"
    format: Format = Format.PLAIN

    def is_told(self, *, risk: str, outcome: str) -> bool:
        """Return whether the channel is told of an execution with this risk and outcome."""
        chosen = outcome in self.outcomes if self.outcomes else outcome != NOTHING_TO_DO
        return chosen and (not self.risks or risk in self.risks)


@dataclass(frozen=True)
class TelegramBot:
    """The bot that sent the alerts' cards."""

    token: SecretStr
    api: str = TELEGRAM_API
    chats: tuple[str, ...] = ()
    """Where the cards are; the first one is the chat of cards whose id names none."""
    language: str = "en"


@dataclass(frozen=True)
class Channels:
    """Everybody who is told."""

    enabled: bool = True
    channels: tuple[Channel, ...] = ()
    bot: TelegramBot | None = None
    page_of_run: Callable[[str], str] | None = field(default=None, repr=False)
    """From a flow run's id to the address of its page, where that is known."""

    @property
    def card_chat(self) -> str | None:
        """Return the chat of cards that are known by number alone: the bot's, else the one Telegram channel's."""
        if self.bot is not None and self.bot.chats:
            return self.bot.chats[0]
        chats = self._channels_chats()
        return next(iter(chats)) if len(chats) == 1 else None

    def may_reply_in(self, chat: str) -> bool:
        """Return whether cards may be in `chat`: it is configured as the bot's, or a Telegram channel's.

        Where a card is stands in Redis, where more than Countersign write: an address there is not one to trust.
        """
        known = {*(self.bot.chats if self.bot is not None else ()), *self._channels_chats()}
        return chat.lower() in {each.lower() for each in known}

    def _channels_chats(self) -> frozenset[str]:
        urls = [one.url.get_secret_value() for one in self.channels if isinstance(one.url, SecretStr)]
        named = [name for url in urls if (found := _TELEGRAM.match(url)) for name in found[1].split("/")]
        return frozenset(name for name in named if _CHAT.fullmatch(name))


def bot_address(api: str) -> str:
    """Return the Bot API's address as requests begin with it. Raises ConfigurationError, which does not repeat it."""
    hint = f"write {TELEGRAM_API}, or http://HOST:PORT of a server of your own"
    try:
        address = httpx.URL(api.rstrip("/"))
    except httpx.InvalidURL:
        raise ConfigurationError("telegram_api is not a URL", hint=hint) from None
    if address.scheme not in ("http", "https"):
        raise ConfigurationError("telegram_api is not a URL with http:// or https://", hint=hint)
    if address.port is not None and address.port not in PORTS:
        raise ConfigurationError("telegram_api has a port that is not between 1 and 65535", hint=hint)
    try:
        # As connecting does it: a label of a name is neither empty nor longer than 63.
        host = address.raw_host.decode("ascii").encode("idna")
    except UnicodeError:
        host = b""
    if not host:
        raise ConfigurationError("telegram_api names no host", hint=hint)
    return str(address)
