"""Try a channel, or the cards' bot, at somebody's request; or look at its address only."""

import socket
from urllib.parse import urlsplit

from countersign.aftermath.notifications.apprise_channel import open_service, prepare
from countersign.aftermath.notifications.message import Message
from countersign.aftermath.notifications.telegram import Telegram
from countersign.errors import ConfigurationError
from countersign.execution.channels import Channel, TelegramBot, bot_address
from countersign.records.database.identifiers import new_id
from countersign.texts import text

SECONDS = 10.0
# Of other services, what Apprise calls the host may be a token or a topic, which no name server is to hear of.
_HOSTS = {"NotifyJSON": "host", "NotifyXML": "host", "NotifyForm": "host", "NotifyEmail": "smtp_host"}


def try_channel(channel: Channel) -> None:
    """Send a test message. Raises DeliveryFailed, DeliveryRefused, ConfigurationError."""
    language = channel.language
    title = text("telling.test_title", language=language)
    body = text("telling.test_body", language=language, name=channel.name)
    message = Message(title, ((text("report.message", language=language), body),))
    prepare(channel, message, key=str(new_id()), failed=False).send(SECONDS)


def try_bot(bot: TelegramBot) -> str:
    """Return the name of the bot whose token it is. Raises DeliveryFailed, DeliveryRefused, ConfigurationError."""
    return Telegram(bot, timeout=SECONDS).name()


def look_at_channel(channel: Channel) -> str:
    """Return what can be said of the channel's address without sending anything. Raises ConfigurationError."""
    service = open_service(channel)
    kind = str(service.service_name)
    host = _HOSTS.get(type(service).__name__)
    if host is None:
        return f"{kind}, its address can be read"
    _resolve(getattr(service, host))
    return f"{kind}, its host resolves"


def look_at_bot(bot: TelegramBot) -> str:
    """Return what can be said of the Bot API's address without asking it. Raises ConfigurationError."""
    _resolve(urlsplit(bot_address(bot.api)).hostname or "")
    return "its host resolves"


def _resolve(host: str) -> None:
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        raise ConfigurationError(
            "its host does not resolve", hint="correct its address in the NotificationChannels block"
        ) from None
