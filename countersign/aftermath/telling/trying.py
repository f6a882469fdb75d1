"""Try a channel, or the cards' bot, at somebody's request."""

from countersign.aftermath.telling.message import Message
from countersign.aftermath.telling.sending import send
from countersign.aftermath.telling.telegram import Telegram
from countersign.execution.channels import Channel, TelegramBot
from countersign.records.identifiers import new_id
from countersign.texts import text

SECONDS = 10.0


def try_channel(channel: Channel) -> None:
    """Send a test message. Raises DeliveryFailed, DeliveryRefused, ConfigurationError."""
    language = channel.language
    title = text("telling.test_title", language=language)
    body = text("telling.test_body", language=language, name=channel.name)
    message = Message(title, ((text("report.message", language=language), body),))
    send(channel, message, key=str(new_id()), failed=False, timeout=SECONDS)


def try_bot(bot: TelegramBot) -> str:
    """Return the name of the bot whose token it is. Raises DeliveryFailed, DeliveryRefused, ConfigurationError."""
    return Telegram(bot, timeout=SECONDS).name()
