"""What the one who clicked is told, and asking for a reason where the service has no form for it."""

from datetime import timedelta
from typing import Final
from uuid import uuid4

from countersign.chat.app import ChatApp, Heard
from countersign.chat.buttons import seal_message
from countersign.chat.settling import Settled, settle
from countersign.chat.taking import Taken
from countersign.errors import CountersignError, DeliveryFailed
from countersign.execution.services import Services
from countersign.logging import get_logger
from countersign.records import chat
from countersign.records.database.engine import clock, transaction
from countersign.records.states import ChatPurpose, ClickResult
from countersign.records.tables import ChatMessage

REASON_LIFE: Final = timedelta(minutes=10)
"""For so long an answer is a rejection."""
logger = get_logger(__name__)


def settle_and_say(services: Services, app: ChatApp, taken: Taken, heard: Heard) -> None:
    """Settle a click and tell the one who clicked. What cannot be told is no reason not to settle it."""
    try:
        settled = settle(services, taken.service, taken.click_id)
        if settled is not None:
            say(services, app, settled, heard)
    except DeliveryFailed as error:
        logger.warning("what became of a click was not told", error=error.message)
    except CountersignError as error:
        # It stays on record, and the process that keeps the chats settles it.
        logger.warning("a click is settled later", error=error.message)


def tell(app: ChatApp, heard: Heard, refused: CountersignError) -> None:
    """Tell the one who clicked why it does not count."""
    try:
        app.answer(heard, refused.message)
    except CountersignError as error:
        logger.warning("what became of a click was not told", error=error.message)


def say(services: Services, app: ChatApp, settled: Settled, heard: Heard) -> None:
    """Tell the one who clicked what became of it. Raises DeliveryFailed, DeliveryRefused."""
    if settled.result is not ClickResult.ASKED or settled.message is None:
        app.answer(heard, settled.said)
        return
    question = app.ask_reason(heard, settled.said)
    if question:
        _keep_question(services, settled.message, heard.account, question)


def _keep_question(services: Services, about: ChatMessage, account: str, question: str) -> None:
    with transaction(services.engine) as session:
        now = clock(session)
        row = ChatMessage(
            id=uuid4(),
            purpose=ChatPurpose.REASON,
            approval_id=about.approval_id,
            service=about.service,
            workspace=about.workspace,
            chat=about.chat,
            language=about.language,
            content_hash=about.content_hash,
            account=account,
            created_at=now,
            expires_at=min(about.expires_at, now + REASON_LIFE),
            message=question,
            mac="",
        )
        row.mac = seal_message(services.seal, row)
        chat.add_message(session, row)
