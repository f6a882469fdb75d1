"""Chats that are shown what waits for signatures, and the apps of the services that do it."""

from dataclasses import dataclass
from typing import Final

import httpx
from pydantic import SecretStr

from countersign.errors import ConfigurationError
from countersign.execution.channels import TELEGRAM_API, TelegramBot
from countersign.policy.risk import RiskLevel
from countersign.records.states import ChatService

SLACK_API: Final = "https://slack.com/api"
DISCORD_API: Final = "https://discord.com/api/v10"
__all__ = ["DISCORD_API", "SLACK_API", "TELEGRAM_API", "Chat", "Chats", "DiscordApp", "SlackApp", "service_address"]


@dataclass(frozen=True)
class SlackApp:
    """An app that is installed in one workspace."""

    token: SecretStr
    """Of its bot, xoxb-…."""
    signing_secret: SecretStr
    workspace: str
    """Its team id, T…."""
    api: str = SLACK_API


@dataclass(frozen=True)
class DiscordApp:
    """An application whose bot is in one server."""

    token: SecretStr
    """Of its bot."""
    public_key: str
    """Its interactions are signed with: 64 hexadecimal digits."""
    workspace: str
    """The server's id."""
    api: str = DISCORD_API


@dataclass(frozen=True)
class Chat:
    """One chat or channel."""

    service: ChatService
    id: str
    """What the service calls it."""
    risks: frozenset[RiskLevel] = frozenset()
    """What is shown there; an empty set is all."""
    language: str = "en"


@dataclass(frozen=True)
class Chats:
    """All of them."""

    chats: tuple[Chat, ...] = ()
    slack: SlackApp | None = None
    discord: DiscordApp | None = None
    telegram: TelegramBot | None = None

    def workspace(self, service: ChatService) -> str:
        """Return the workspace that a service's chats are in, "" for Telegram's, which are in none."""
        match service:
            case ChatService.SLACK:
                return self.slack.workspace if self.slack is not None else ""
            case ChatService.DISCORD:
                return self.discord.workspace if self.discord is not None else ""
            case ChatService.TELEGRAM:
                return ""


def service_address(field: str, address: str) -> str:
    """Return the address of a service's API. Raises ConfigurationError, which does not repeat it."""
    try:
        url = httpx.URL(address.rstrip("/"))
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigurationError(f"{field} is no address", hint="write https://HOST/PATH, or leave it as it was")
    return str(url)
