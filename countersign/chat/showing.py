"""Keeping messages as the records are: a request that waits is shown once, and changed in place until it has ended.

Nothing is remembered between two looks but what is on record: a message's row has the state that it shows, and one
that shows another is changed. Whoever dies between sending a message and writing down its id sends it again; buttons
of the first one are refused, since its id is not the row's.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy.exc import IntegrityError

from countersign.chat.app import ChatApp, MessageGone
from countersign.chat.buttons import require_genuine, seal_message
from countersign.chat.card import OVER, card_of
from countersign.chat.services import services_of
from countersign.chat.settling import settle
from countersign.errors import CountersignError, DeliveryFailed, Tampered
from countersign.execution.chats import Chat, Chats
from countersign.execution.fault_points import At, unnoticed
from countersign.execution.filing import signed_content
from countersign.execution.services import Services
from countersign.logging import get_logger
from countersign.policy.risk import RiskLevel
from countersign.records import chat, refusals
from countersign.records.approvals import get_approval, signatures_of
from countersign.records.database.engine import clock, transaction
from countersign.records.states import ChatPurpose, ChatService
from countersign.records.tables import ChatMessage

LIFE: Final = timedelta(days=7)
"""For so long a message's buttons count, if its request does not expire before."""
AT_A_TIME: Final = 20
LEFT_SECONDS: Final = 5.0
"""A click that nobody has settled for so long has lost its process."""
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 3600.0
logger = get_logger(__name__)


def look(services: Services, *, at: At = unnoticed) -> int:
    """Settle what was left, show what is not shown, change what has changed; return how much there was to do."""
    chats = services.the_chats()
    return _left(services) + sum(_begin(services, chats, one) for one in chats.chats) + _bring(services, chats, at)


def _left(services: Services) -> int:
    with transaction(services.engine) as session:
        found = chat.left_clicks(session, seconds=LEFT_SECONDS, limit=AT_A_TIME)
    for service, click_id in found:
        # Nobody is told: with what they could be, went with the process.
        try:
            settle(services, service, click_id)
        except CountersignError as error:
            logger.warning("a click is settled later", error=error.message)
    return len(found)


def _begin(services: Services, chats: Chats, one: Chat) -> int:
    """Make the rows of messages that are to be sent to a chat."""
    risks = sorted(one.risks or RiskLevel)
    with transaction(services.engine) as session:
        found = chat.not_shown(session, one.service, one.id, risks=risks, limit=AT_A_TIME)
    for approval_id in found:
        try:
            _make_row(services, chats.workspace(one.service), one, approval_id)
        except IntegrityError:
            continue  # another process did, a moment ago
    return len(found)


def _make_row(services: Services, workspace: str, one: Chat, approval_id: UUID) -> None:
    with transaction(services.engine) as session:
        approval, now = get_approval(session, approval_id), clock(session)
        ends = now + LIFE
        row = ChatMessage(
            id=uuid4(),
            purpose=ChatPurpose.APPROVAL,
            approval_id=approval_id,
            service=one.service,
            workspace=workspace,
            chat=one.id,
            language=one.language,
            content_hash=signed_content(approval).hash,
            created_at=now,
            expires_at=ends if approval.expires_at is None else min(ends, approval.expires_at),
            mac="",
        )
        row.mac = seal_message(services.seal, row)
        chat.add_message(session, row)


def _bring(services: Services, chats: Chats, at: At) -> int:
    with transaction(services.engine) as session:
        found = chat.stale(session, limit=AT_A_TIME)
    apps = services_of(chats) if found else {}
    for each in found:
        try:
            _show(services, apps, each, at)
        except MessageGone as error:
            with transaction(services.engine) as session:
                chat.close(session, each.id, error=error.message)
        except Tampered as error:
            refusals.tell(services.engine, error)
            with transaction(services.engine) as session:
                chat.close(session, each.id, error=error.message)
        except CountersignError as error:
            _put_off(services, each.id, error)
    return len(found)


def _show(services: Services, apps: Mapping[ChatService, ChatApp], each: chat.Stale, at: At) -> None:
    with transaction(services.engine) as session:
        row = chat.message_with(session, each.id)
        if row is None or row.closed_at is not None:
            return
        require_genuine(row.mac, seal_message(services.seal, row), of=f"message {row.id}")
        approval = get_approval(session, row.approval_id)
        signatures, now = signatures_of(session, approval.id), clock(session)
    over = approval.status in OVER
    if row.message is None and over:
        # It ended before it was shown.
        with transaction(services.engine) as session:
            chat.close(session, row.id)
        return
    app = apps.get(row.service)
    if app is None:
        raise DeliveryFailed(f"No app of {row.service} is configured.")
    card = card_of(services, row, approval, signatures, now=now)
    at("chat.before")
    if row.message is None:
        row.message = app.send(row.chat, card, key=row.id.hex)
        at("chat.after")
        with transaction(services.engine) as session:
            chat.sent(session, row.id, message=row.message, mac=seal_message(services.seal, row))
            chat.shown(session, row.id, each.mark, last=over)
        return
    app.change(row.chat, row.message, card)
    with transaction(services.engine) as session:
        chat.shown(session, row.id, each.mark, last=over)


def _put_off(services: Services, message_id: UUID, error: CountersignError) -> None:
    with transaction(services.engine) as session:
        row = chat.message_with(session, message_id)
        attempts = row.attempts if row is not None else 0
        pause = error.retry_after if isinstance(error, DeliveryFailed) and error.retry_after is not None else None
        seconds = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts, 12)) if pause is None else pause
        chat.put_off(session, message_id, error=error.message, seconds=seconds)
    if attempts == 0:
        logger.warning("a chat is told later", message=str(message_id), error=error.message)
