"""The apps that are configured."""

from collections.abc import Mapping

from countersign.chat.app import ChatApp
from countersign.chat.discord import Discord
from countersign.chat.slack import Slack
from countersign.chat.telegram import Telegram
from countersign.execution.chats import Chats
from countersign.records.states import ChatService


def services_of(chats: Chats) -> Mapping[ChatService, ChatApp]:
    """Return the app of each service that has one. Raises ConfigurationError."""
    found: list[ChatApp] = []
    if chats.slack is not None:
        found.append(Slack(chats.slack))
    if chats.discord is not None:
        found.append(Discord(chats.discord))
    if chats.telegram is not None:
        found.append(Telegram(chats.telegram))
    return {app.service: app for app in found}
