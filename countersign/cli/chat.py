"""`countersign chat`: the key that signs for clicks, whether the apps are let in, and what is shown where."""

import asyncio
from typing import Annotated

import typer

from countersign.cli.console import screen
from countersign.cli.opened import open_records
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.rendering import print_columns, print_none
from countersign.cli.screen import say
from countersign.errors import ConfigurationError, CountersignError, DeliveryFailed
from countersign.execution.chat_key import make_chat_key
from countersign.execution.chats import Chats
from countersign.execution.plan_seal import read_seal
from countersign.policy.keys import public_text
from countersign.records import chat
from countersign.records.database.engine import transaction
from countersign.records.database.identifiers import short_id
from countersign.records.states import ChatService
from countersign.settings import load_settings, settings
from countersign.texts import text

commands = typer.Typer(name="chat", help="Chats in which people sign and reject by a button.", no_args_is_help=True)

Block = Annotated[
    str | None, typer.Option("--block", help="The ChatApprovals block; COUNTERSIGN_CHATS_BLOCK unless said.")
]


@commands.command()
def key() -> None:
    """Make the key that signs for clicks, unless there is one, and print the policy's entry for it."""
    public = public_text(make_chat_key(load_settings().trust_dir).public_key())
    say(text("chat_command.key"), err=True)
    say(f"chat:\n  servers: [{public}]\n  beside: {{low: 0}}")


@commands.command()
def connect(block: Block = None) -> None:
    """Ask every app its name, have Telegram send its updates here, and say what to enter at the others."""
    from countersign.chat.services import services_of  # noqa: PLC0415 - only this asks services
    from countersign.chat.telegram import Telegram  # noqa: PLC0415

    current, chats, failed = load_settings(), load_chats(block), 0
    if current.url is None:
        raise ConfigurationError(
            "COUNTERSIGN_URL is not set: the services would not know where to send clicks",
            hint="set it to the address of `countersign web` as the internet reaches it",
        )
    apps = services_of(chats)
    if not apps:
        print_none("chats", block=block or current.chats_block)
    for service, app in apps.items():
        address = f"{current.url}/v1/chat/{service}"
        try:
            name = app.name()
            if isinstance(app, Telegram):
                app.connect(address, read_seal(current.trust_dir).chat_secret(ChatService.TELEGRAM))
        except CountersignError as error:
            failed += 1
            say(f"{service}: {error.message}", err=True)
            continue
        say(text(f"chat_command.connected_{service}", name=name, address=address))
    if failed:
        raise DeliveryFailed(f"{failed} of them do not work.", hint="mend them in the ChatApprovals block")


@commands.command("list", cls=Showing)
def list_messages(output: Output = Format.TEXT) -> None:
    """Print the messages that are kept up to date, newest first, and what keeps one from being so."""
    with transaction(open_records()) as session:
        found = chat.messages(session)
    if output.is_data:
        say_data(
            [
                {
                    "approval": str(row.approval_id),
                    "service": row.service.value,
                    "chat": row.chat,
                    "message": row.message,
                    "expires_at": row.expires_at.isoformat(),
                    "error": row.error,
                }
                for row in found
            ],
            output,
        )
        return
    if not found:
        print_none("chat_messages")
        return
    rows = [("approval", "service", "chat", "message", "error")]
    rows += [(short_id(row.approval_id), row.service, row.chat, row.message or "", row.error) for row in found]
    print_columns(screen(), rows)


def load_chats(block: str | None) -> Chats:
    """Return what the block says. Raises ConfigurationError, BlockMissing."""
    from blocks import ChatApprovals  # noqa: PLC0415 - Prefect takes two seconds to import
    from blocks.loading import load_block  # noqa: PLC0415

    return asyncio.run(load_block(ChatApprovals, block or settings().chats_block)).settings()
