"""The audit's newest head in a channel, where people see it go by and others keep it."""

from pydantic import SecretStr

from countersign.aftermath.notifications.apprise_channel import prepare
from countersign.aftermath.notifications.message import Message
from countersign.audit.announcing import Send
from countersign.errors import ConfigurationError, DeliveryFailed
from countersign.execution.channels import Channel
from countersign.texts import text

NAME = "the audit's head"
SECONDS_BETWEEN = 3600.0
SECONDS_TO_SEND = 10.0


def to_channel(url: SecretStr) -> Send:
    """Return what sends a note to the channel at `url`, an address as Apprise takes it."""
    channel = Channel(NAME, url)

    def send(note: str) -> None:
        message = Message(text("audit.head_title"), ((text("audit.head_note"), note.strip()),))
        try:
            prepare(channel, message, key=note, failed=False).send(SECONDS_TO_SEND)
        except ConfigurationError as error:
            raise DeliveryFailed(error.message, hint="check COUNTERSIGN_AUDIT_HEAD_CHANNEL") from None

    return send
