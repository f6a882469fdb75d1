"""`countersign channels`: who is told how executions ended, and whether they can be told."""

import asyncio
from typing import Annotated, Any

import typer
from rich.table import Table

from countersign.cli.console import screen
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.rendering import print_none
from countersign.cli.screen import say
from countersign.errors import ConfigurationError, CountersignError, DeliveryFailed, NotFound
from countersign.execution.channels import Channel, Channels
from countersign.settings import settings

commands = typer.Typer(name="channels", help="Channels that are told how executions ended.", no_args_is_help=True)

Block = Annotated[
    str | None,
    typer.Option("--block", help="The NotificationChannels block; COUNTERSIGN_CHANNELS_BLOCK unless said."),
]


@commands.command("list", cls=Showing)
def list_channels(block: Block = None, output: Output = Format.TEXT) -> None:
    """Print the channels and what each is told of. Addresses are not shown."""
    channels = load_channels(block)
    if output.is_data:
        say_data([_json(one) for one in channels.channels], output)
        return
    if not channels.channels:
        print_none("channels", block=block or settings().channels_block)
    table = Table("channel", "service", "risks", "outcomes", "language", "format", box=None)
    for one in channels.channels:
        table.add_row(
            one.name, _service(one), _shown(one.risks), _shown(one.outcomes), one.language, one.format.value
        )
    console = screen()
    if channels.channels:
        console.print(table)
    if not channels.enabled or not settings().notify:
        console.print("Notifications are switched off.")
    if channels.bot is not None:
        console.print("A Telegram bot replies on alerts' cards.")


@commands.command()
def test(
    name: Annotated[str | None, typer.Argument(help="The channel; all of them unless said.")] = None,
    block: Block = None,
) -> None:
    """Send a test message to one channel, or to all and ask for the bot's name."""
    from countersign.aftermath.notifications.trial import try_bot, try_channel  # noqa: PLC0415 - Apprise is slow

    channels = load_channels(block)
    chosen = [one for one in channels.channels if name in (None, one.name)]
    if name is not None and not chosen:
        names = ", ".join(one.name for one in channels.channels) or "none"
        raise NotFound(f"there is no channel {name!r}", hint=f"there are: {names}")
    if not chosen:
        print_none("channels", block=block or settings().channels_block)
    failed = 0
    for channel in chosen:
        try:
            try_channel(channel)
            say(f"{channel.name}: took a test message.")
        except CountersignError as error:
            failed += 1
            say(f"{channel.name}: {error.message}", err=True)
    if name is None and channels.bot is not None:
        try:
            say(f"Telegram bot: {try_bot(channels.bot)}.")
        except CountersignError as error:
            failed += 1
            say(f"Telegram bot: {error.message}", err=True)
    if failed:
        raise DeliveryFailed(f"{failed} of them cannot be told.", hint="mend them in the NotificationChannels block")


def load_channels(block: str | None) -> Channels:
    """Return what the block says, with the addresses of Prefect's blocks. Raises ConfigurationError, BlockMissing."""
    from blocks import NotificationChannels  # noqa: PLC0415 - Prefect takes two seconds to import
    from blocks.loading import load_block  # noqa: PLC0415
    from blocks.notification_blocks import addresses_of  # noqa: PLC0415

    async def load() -> Channels:
        found = await load_block(NotificationChannels, block or settings().channels_block)
        return found.settings(await addresses_of(found.prefect_blocks()))

    return asyncio.run(load())


def _json(channel: Channel) -> dict[str, Any]:
    return {
        "name": channel.name,
        "service": _service(channel),
        "risks": sorted(channel.risks),
        "outcomes": sorted(channel.outcomes),
        "language": channel.language,
        "format": channel.format.value,
    }


def _service(channel: Channel) -> str:
    from countersign.aftermath.notifications.apprise_channel import open_service  # noqa: PLC0415 - Apprise is slow

    try:
        return str(open_service(channel).service_name)
    except ConfigurationError as error:
        return error.message


def _shown(chosen: frozenset[str]) -> str:
    return ", ".join(sorted(chosen)) or "all"
