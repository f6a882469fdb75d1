"""Where people are told how executions ended: channels, and the bot that replies on an alert's card."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import SecretStr

from countersign.errors import ConfigurationError

ROLLED_BACK = "rolled_back"
"""What a channel's `outcomes` call the end of a rollback; everything else is an Outcome."""
CARD = "card"
"""The name under which the reply on the card is on record; no channel is called so."""
TELEGRAM_API = "https://api.telegram.org"


class Format(StrEnum):
    """What a channel's messages are written in."""

    PLAIN = "plain"
    HTML = "html"
    MARKDOWN = "markdown"


@dataclass(frozen=True)
class Channel:
    """One place to tell. What it is told depends on risk and outcome; an empty set is all of them."""

    name: str
    url: SecretStr | ConfigurationError
    """Apprise's address of it, with its tokens. An error is raised by sending, so that other channels work."""
    risks: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()
    language: str = "en"
    format: Format = Format.PLAIN

    def is_told(self, *, risk: str, outcome: str) -> bool:
        """Return whether the channel is told of an execution with this risk and outcome."""
        return (not self.risks or risk in self.risks) and (not self.outcomes or outcome in self.outcomes)


@dataclass(frozen=True)
class TelegramBot:
    """The bot that sent the alerts' cards."""

    token: SecretStr
    api: str = TELEGRAM_API
    chat: str | None = None
    """Where the cards are whose id does not name a chat."""
    language: str = "en"


@dataclass(frozen=True)
class Channels:
    """Everybody who is told."""

    enabled: bool = True
    channels: tuple[Channel, ...] = ()
    bot: TelegramBot | None = None
    page_of_run: Callable[[str], str] | None = field(default=None, repr=False)
    """From a flow run's id to the address of its page, where that is known."""
