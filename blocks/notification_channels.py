"""Where people are told how executions ended, and the bot that replies on alerts' cards."""

from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Literal, Self

from prefect.blocks.core import Block
from prefect.types import SecretDict
from pydantic import BaseModel, Field, SecretStr, model_validator

from blocks.form import FORM, Secret, Text, mistakes
from countersign.errors import ConfigurationError, CountersignError
from countersign.execution.channels import (
    CARD,
    ROLLED_BACK,
    TELEGRAM_API,
    Channel,
    Channels,
    Format,
    TelegramBot,
    bot_address,
)
from countersign.records.outcomes import Outcome

OUTCOMES = (*(outcome.value for outcome in Outcome), ROLLED_BACK)


class NotificationChannel(BaseModel):
    """One channel: name, Prefect block, risks, outcomes, language, format. Its Apprise address goes above."""

    model_config = FORM

    name: str = Field(min_length=1, max_length=100, title="Name", description="How records call it, e.g. on-call.")
    prefect_block: Text = Field(
        default=None,
        title="Prefect block",
        description="A notification block by type and name, e.g. slack-webhook/on-call, instead of an address.",
    )
    risks: list[Literal["low", "medium", "high", "critical"]] = Field(
        default_factory=list, title="Risks", description='Only these, e.g. ["high", "critical"]. Empty: all.'
    )
    outcomes: list[str] = Field(
        default_factory=list,
        title="Outcomes",
        description='Only these, e.g. ["failed", "unknown"]. Empty: all but no_action.',
    )
    language: Literal["en", "zh-TW"] = Field(default="en", title="Language")
    format: Literal["plain", "html", "markdown"] = Field(
        default="plain", title="Format", description="plain, html or markdown."
    )


class NotificationChannels(Block):
    """Channels that are told how executions ended, and the Telegram bot of the alerts' cards."""

    model_config = FORM
    _block_type_name: ClassVar[str | None] = "Countersign: notification channels"
    _block_type_slug: ClassVar[str | None] = "countersign-notification-channels"
    _description: ClassVar[str | None] = (
        "Who is told how executions ended: Slack, Discord, Telegram, Teams, PagerDuty, e-mail, webhooks and whatever "
        "else Apprise can reach, and the bot that replies on alerts' cards."
    )

    enabled: bool = Field(default=True, title="Enabled", description="One switch for all channels.")
    channels: list[NotificationChannel] = Field(
        default_factory=list,
        title="Channels",
        description='A list, e.g. [{"name": "on-call", "risks": ["high", "critical"], "format": "markdown"}, '
        '{"name": "audit", "language": "zh-TW"}].',
    )
    urls: SecretDict | None = Field(
        default=None,
        title="Addresses",
        description='Apprise address by channel, e.g. {"on-call": "slack://TokenA/TokenB/TokenC", '
        '"audit": "jsons://audit.example.com/hook"}.',
    )
    telegram_token: Secret = Field(
        default=None,
        title="Telegram bot token",
        description="Of the bot that sent the alerts' cards, to reply on them. Empty: no replies.",
    )
    telegram_chat: Text = Field(
        default=None,
        title="Telegram chat",
        description="Chats where alerts' cards are, separated by commas: numbers or @names. Beside those of the "
        "Telegram channels, the bot replies nowhere else. A card whose id in Redis names none is in the first.",
    )
    telegram_api: str = Field(
        default=TELEGRAM_API, min_length=1, title="Telegram API", description="Address of the Bot API."
    )
    card_language: Literal["en", "zh-TW"] = Field(
        default="en", title="Card language", description="Language of the replies on cards: en or zh-TW."
    )

    @model_validator(mode="after")
    def _can_be_right(self) -> Self:
        with mistakes():
            names = [channel.name for channel in self.channels]
            for name in names:
                if names.count(name) > 1 or name == CARD:
                    raise ConfigurationError(
                        f"there is another channel called {name!r}", hint="give each channel a name of its own"
                    )
            unknown = sorted(set(self._urls()) - set(names))
            if unknown:
                raise ConfigurationError(
                    f"urls has an address for {unknown[0]!r}, which is not among the channels",
                    hint="the channels: " + (", ".join(names) or "none"),
                )
            for channel in self.channels:
                self._check(channel)
            bot_address(self.telegram_api)
        return self

    def settings(self, addresses: dict[str, SecretStr | ConfigurationError] | None = None) -> Channels:
        """Return who is told. `addresses` are those of Prefect's blocks, by name (blocks.notification_blocks)."""
        return Channels(
            enabled=self.enabled,
            channels=tuple(self._channel(channel, addresses or {}) for channel in self.channels),
            bot=None
            if self.telegram_token is None
            else TelegramBot(self.telegram_token, bot_address(self.telegram_api), self._chats(), self.card_language),
        )

    def _chats(self) -> tuple[str, ...]:
        return tuple(chat for each in (self.telegram_chat or "").split(",") if (chat := each.strip()))

    def prefect_blocks(self) -> list[str]:
        """Return the names of Prefect's notification blocks that channels use."""
        return sorted({channel.prefect_block for channel in self.channels if channel.prefect_block})

    def check(self) -> str:
        """Send a test message to every channel and ask for the bot's name. Raises ConfigurationError with a sentence
        for each that does not work.
        """
        # Apprise takes a while to import, and every Prefect process imports the blocks.
        from blocks.notification_blocks import load_addresses  # noqa: PLC0415
        from countersign.aftermath.notifications.trial import try_bot, try_channel  # noqa: PLC0415

        known = self.settings(load_addresses(self.prefect_blocks()))

        def problem(channel: Channel) -> str | None:
            try:
                try_channel(channel)
            except CountersignError as error:
                return f"{channel.name}: {error.message.rstrip('.')}"
            return None

        with ThreadPoolExecutor(max_workers=8) as pool:
            wrong = [said for said in pool.map(problem, known.channels) if said is not None]
        bot = ""
        if known.bot is not None:
            try:
                bot = f" The bot {try_bot(known.bot)} replies on cards."
            except CountersignError as error:
                wrong.append(f"Telegram bot: {error.message.rstrip('.')}")
        if wrong:
            raise ConfigurationError("; ".join(wrong), hint="mend them in the NotificationChannels block")
        return f"All {len(known.channels)} channels took a test message.{bot}"

    def _check(self, channel: NotificationChannel) -> None:
        url = self._urls().get(channel.name)
        if (url is None) == (channel.prefect_block is None):
            raise ConfigurationError(
                f"the channel {channel.name!r} has {'neither' if url is None else 'both'} an address "
                f"{'nor' if url is None else 'and'} a Prefect block",
                hint="give it one of the two: an entry in urls, or prefect_block",
            )
        if channel.prefect_block is not None and channel.prefect_block.count("/") != 1:
            raise ConfigurationError(
                f"prefect_block of {channel.name!r} is not a block's type and name", hint="e.g. slack-webhook/on-call"
            )
        for outcome in channel.outcomes:
            if outcome not in OUTCOMES:
                raise ConfigurationError(
                    f"outcomes of {channel.name!r}: {outcome!r} is none", hint=f"there are {', '.join(OUTCOMES)}"
                )

    def _urls(self) -> dict[str, SecretStr]:
        given = {} if self.urls is None else self.urls.get_secret_value()
        for name, url in given.items():
            if not isinstance(url, str) or "://" not in url:
                raise ConfigurationError(
                    f"urls: what {name!r} has is not an address", hint="see Apprise's list of services for its form"
                )
        return {name: SecretStr(url) for name, url in given.items()}

    def _channel(self, channel: NotificationChannel, addresses: dict[str, SecretStr | ConfigurationError]) -> Channel:
        url: SecretStr | ConfigurationError
        if channel.prefect_block is None:
            url = self._urls()[channel.name]
        else:
            url = addresses.get(channel.prefect_block) or ConfigurationError(
                f"the Prefect block {channel.prefect_block} was not loaded"
            )
        return Channel(
            name=channel.name,
            url=url,
            risks=frozenset(channel.risks),
            outcomes=frozenset(channel.outcomes),
            language=channel.language,
            format=Format(channel.format),
        )
