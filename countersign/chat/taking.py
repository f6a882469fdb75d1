"""Taking a click: is it one on a message of ours, there where that was sent, and not taken before?

What it says is not done here. The service waits three seconds for an answer, so a click is put on record and
answered; who clicked, and whether it counts, is found out afterwards (`settling`), as often as it takes.
"""

from dataclasses import dataclass

from sqlmodel import Session

from countersign.chat.app import Heard
from countersign.chat.buttons import read_button, require_genuine, require_own_button, seal_click, seal_message
from countersign.errors import CountersignError, InvalidInput, SignatureRefused
from countersign.execution.plan_seal import Seal
from countersign.execution.services import Services
from countersign.policy.names import require_seen
from countersign.records import audit, chat, refusals
from countersign.records.audit_events import Event
from countersign.records.database.engine import clock, transaction
from countersign.records.states import ChatChoice, ChatPurpose, ChatService
from countersign.records.tables import ChatClick, ChatMessage
from countersign.records.tables.chat import CLICK_ID_LIMIT, COMMENT_LIMIT
from countersign.texts import text


@dataclass(frozen=True)
class Taken:
    """A click that is on record."""

    service: ChatService
    click_id: str
    language: str
    is_new: bool
    """Whether it is the first time that it was told."""


def who_clicked(heard: Heard) -> str:
    """Return what the audit calls an account of which nobody knows yet whose it is."""
    return ":".join(filter(None, ("chat", heard.service, heard.home, heard.account)))


def take(services: Services, heard: Heard) -> Taken | None:
    """Put a click on record; None for an answer to a message that asks for no reason: people talk in chats.

    Raises InvalidInput, SignatureRefused, Tampered, of which the audit is told: the service has said who it was.
    """
    try:
        with transaction(services.engine) as session:
            found = _message_of(session, services.seal, heard)
            if found is None:
                return None
            row, choice = found
            _require_place(row, heard)
            is_new = chat.take_click(session, _click(session, services.seal, heard, row, choice))
            return Taken(heard.service, heard.click_id, row.language, is_new)
    except CountersignError as error:
        tell_refused(services, heard, error)
        raise


def opens_form(services: Services, heard: Heard) -> str | None:
    """Return the language of the form for a reason, where the press of a button is to open one; else None."""
    if heard.is_form or heard.button is None:
        return None
    try:
        pressed = read_button(heard.button)
        if pressed.choice is not ChatChoice.REJECT:
            return None
        with transaction(services.engine) as session:
            row = chat.message_with(session, pressed.message_id)
        if row is None:
            return None
        require_own_button(services.seal, row, pressed)
    except InvalidInput:
        return None
    return row.language


def tell_refused(services: Services, heard: Heard, error: CountersignError) -> None:
    """Put on the audit that a click does not count."""
    if isinstance(error, InvalidInput | SignatureRefused):
        details = {"click": heard.click_id[:CLICK_ID_LIMIT], "found": error.message}
        with transaction(services.engine) as session:
            audit.record(session, Event.CLICK_REFUSED, actor=who_clicked(heard), details=details)
    else:
        refusals.tell(services.engine, error, actor=who_clicked(heard))


def _message_of(session: Session, seal: Seal, heard: Heard) -> tuple[ChatMessage, ChatChoice] | None:
    pressed = None
    if heard.button is None:
        row = chat.reason_at(session, heard.service, heard.chat, heard.message)
        choice = ChatChoice.REJECT
        if row is None:
            return None
    else:
        pressed = read_button(heard.button)
        row, choice = chat.message_with(session, pressed.message_id), pressed.choice
        if row is None or row.purpose is not ChatPurpose.APPROVAL:
            raise InvalidInput("button: its message is not on record")
    require_genuine(row.mac, seal_message(seal, row), of=f"message {row.id}")
    if pressed is not None:
        require_own_button(seal, row, pressed)
    return row, choice


def _require_place(row: ChatMessage, heard: Heard) -> None:
    place = (row.service, row.workspace, row.chat)
    if place != (heard.service, heard.workspace, heard.chat) or row.message is None:
        raise SignatureRefused(text("chat.elsewhere", language=row.language))
    if row.message != heard.message:
        raise SignatureRefused(text("chat.other_message", language=row.language))
    if row.account is not None and row.account != heard.account:
        raise SignatureRefused(text("chat.not_asked", language=row.language))


def _click(session: Session, seal: Seal, heard: Heard, row: ChatMessage, choice: ChatChoice) -> ChatClick:
    require_seen(heard.comment, field="comment", line_breaks=True)
    if not 1 <= len(heard.click_id) <= CLICK_ID_LIMIT or not heard.click_id.isprintable():
        raise InvalidInput("click: has no id")
    if len(heard.comment) > COMMENT_LIMIT:
        raise InvalidInput(f"comment: {len(heard.comment)} characters, at most {COMMENT_LIMIT} are accepted")
    click = ChatClick(
        service=heard.service,
        click_id=heard.click_id,
        message_id=row.id,
        workspace=heard.home,
        account=heard.account,
        choice=choice,
        comment=heard.comment.strip(),
        received_at=clock(session),
        mac="",
    )
    click.mac = seal_click(seal, click)
    return click
