"""Chats in which people sign and reject by a button, and the apps that show requests there."""

from typing import ClassVar, Literal, Self

from prefect.blocks.core import Block
from pydantic import BaseModel, Field, SecretStr, model_validator

from blocks.form import FORM, Secret, Text, mistakes
from countersign.errors import ConfigurationError, CountersignError
from countersign.execution.channels import TelegramBot, bot_address
from countersign.execution.chats import (
    DISCORD_API,
    SLACK_API,
    TELEGRAM_API,
    Chat,
    Chats,
    DiscordApp,
    SlackApp,
    service_address,
)
from countersign.policy.risk import RiskLevel
from countersign.records.states import ChatService


class ApprovalChat(BaseModel):
    """One chat: service, chat, risks, language."""

    model_config = FORM

    service: Literal["slack", "discord", "telegram"] = Field(
        title="Service", description="slack, discord or telegram."
    )
    chat: str = Field(
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        title="Chat",
        description="The id of the channel (Slack C…, Discord's number) or chat (Telegram, negative for groups).",
    )
    risks: list[Literal["low", "medium", "high", "critical"]] = Field(
        default_factory=list, title="Risks", description='Only these, e.g. ["low"]. Empty: all.'
    )
    language: Literal["en", "zh-TW"] = Field(default="en", title="Language")


class ChatApprovals(Block):
    """Chats that are shown what waits for signatures. Whose clicks count is the policy's to say."""

    model_config = FORM
    _block_type_name: ClassVar[str | None] = "Countersign: chat approvals"
    _block_type_slug: ClassVar[str | None] = "countersign-chat-approvals"
    _description: ClassVar[str | None] = (
        "Slack, Discord and Telegram chats that are shown what waits for signatures, with buttons to approve and to "
        "reject. Whose clicks count, and at which risk, is the policy's to say (docs/chat.md)."
    )

    chats: list[ApprovalChat] = Field(
        default_factory=list,
        title="Chats",
        description='A list, e.g. [{"service": "slack", "chat": "C024BE91L", "risks": ["low", "medium"]}].',
    )
    slack_token: Secret = Field(default=None, title="Slack bot token", description="xoxb-…, with chat:write.")
    slack_signing_secret: Secret = Field(
        default=None, title="Slack signing secret", description="Of the app's Basic Information."
    )
    slack_workspace: Text = Field(default=None, title="Slack workspace", description="Its team id, T….")
    slack_api: str = Field(default=SLACK_API, min_length=1, title="Slack API", description="Address of the Web API.")
    discord_token: Secret = Field(
        default=None, title="Discord bot token", description="Of the application's Bot page."
    )
    discord_public_key: Text = Field(
        default=None,
        pattern=r"^[0-9a-fA-F]{64}$",
        title="Discord public key",
        description="Of the application's General Information: 64 hexadecimal digits.",
    )
    discord_server: Text = Field(default=None, title="Discord server", description="Its id, a number.")
    discord_api: str = Field(
        default=DISCORD_API, min_length=1, title="Discord API", description="Address of the API."
    )
    telegram_token: Secret = Field(default=None, title="Telegram bot token", description="From @BotFather: 123456:….")
    telegram_api: str = Field(
        default=TELEGRAM_API, min_length=1, title="Telegram API", description="Address of the Bot API."
    )

    @model_validator(mode="after")
    def _can_be_right(self) -> Self:
        with mistakes():
            self._whole("slack", self.slack_token, self.slack_signing_secret, self.slack_workspace)
            self._whole("discord", self.discord_token, self.discord_public_key, self.discord_server)
            apps = {"slack": self.slack_token, "discord": self.discord_token, "telegram": self.telegram_token}
            places = [(chat.service, chat.chat) for chat in self.chats]
            for chat in self.chats:
                if apps[chat.service] is None:
                    raise ConfigurationError(
                        f"the chat {chat.chat!r} is in {chat.service}, which has no token",
                        hint=f"{chat.service}_token",
                    )
                if places.count((chat.service, chat.chat)) > 1:
                    raise ConfigurationError(
                        f"the chat {chat.chat!r} is listed twice", hint="name its risks together"
                    )
            service_address("slack_api", self.slack_api)
            service_address("discord_api", self.discord_api)
            bot_address(self.telegram_api)
        return self

    def settings(self) -> Chats:
        """Return the chats and their apps."""
        return Chats(
            chats=tuple(
                Chat(ChatService(one.service), one.chat, frozenset(map(RiskLevel, one.risks)), one.language)
                for one in self.chats
            ),
            slack=self._slack(),
            discord=self._discord(),
            telegram=None
            if self.telegram_token is None
            else TelegramBot(self.telegram_token, bot_address(self.telegram_api)),
        )

    def check(self) -> str:
        """Ask every service who its app is. Raises ConfigurationError with a sentence for each that does not work."""
        from countersign.chat.services import services_of  # noqa: PLC0415 - every Prefect process imports the blocks

        names, wrong = [], []
        for service, app in services_of(self.settings()).items():
            try:
                names.append(f"{service} {app.name()}")
            except CountersignError as error:
                wrong.append(f"{service}: {error.message.rstrip('.')}")
        if wrong:
            raise ConfigurationError("; ".join(wrong), hint="mend them in the ChatApprovals block")
        return f"All apps are let in: {', '.join(names) or 'none'}."

    @staticmethod
    def _whole(service: str, *parts: SecretStr | str | None) -> None:
        if any(parts) and not all(parts):
            raise ConfigurationError(f"{service} lacks a part", hint="fill in all of its fields, or none")

    def _slack(self) -> SlackApp | None:
        if self.slack_token is None or self.slack_signing_secret is None or self.slack_workspace is None:
            return None
        api = service_address("slack_api", self.slack_api)
        return SlackApp(self.slack_token, self.slack_signing_secret, self.slack_workspace, api)

    def _discord(self) -> DiscordApp | None:
        if self.discord_token is None or self.discord_public_key is None or self.discord_server is None:
            return None
        api = service_address("discord_api", self.discord_api)
        return DiscordApp(self.discord_token, self.discord_public_key, self.discord_server, api)
