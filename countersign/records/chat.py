"""Messages in chats and the clicks on them, on record."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from countersign.records.database.storable import told
from countersign.records.states import ChatPurpose, ChatService, ClickResult
from countersign.records.tables import ChatClick, ChatMessage
from countersign.records.tables.chat import CHAT_ERROR_LIMIT

LARGEST_PAGE = 100

# What state of a request its message has to show. A request's row is changed with its status alone.
_MARK = """
    a.status || ':' || (SELECT count(*) FROM signature s WHERE s.approval_id = a.id)
             || ':' || (m.expires_at <= clock_timestamp())::text
"""

# Requests that wait for signatures and are not shown in a chat.
NOT_SHOWN = text("""
    SELECT a.id FROM approval a
    WHERE a.status = 'pending' AND (a.expires_at IS NULL OR a.expires_at > clock_timestamp())
      AND a.risk_level = ANY (CAST(:risks AS text[]))
      AND NOT EXISTS (SELECT FROM chat_message m WHERE m.approval_id = a.id AND m.service = :service
                                                   AND m.chat = :chat AND m.purpose = 'approval')
    ORDER BY a.created_at LIMIT :limit
""")

# Messages that were not sent yet, or show what is not so any more.
STALE = text(f"""
    SELECT m.id, {_MARK} AS mark FROM chat_message m JOIN approval a ON a.id = m.approval_id
    WHERE m.closed_at IS NULL AND m.purpose = 'approval'
      AND (m.next_try_at IS NULL OR m.next_try_at <= clock_timestamp())
      AND (m.message IS NULL OR m.mark <> {_MARK})
    ORDER BY m.next_try_at NULLS FIRST, m.created_at LIMIT :limit
""")  # noqa: S608  (both are constants)

SENT = text("UPDATE chat_message SET message = :message, mac = :mac WHERE id = :id AND message IS NULL")

SHOWN = text("""
    UPDATE chat_message SET mark = :mark, attempts = 0, next_try_at = NULL, error = '',
                            closed_at = CASE WHEN :last THEN clock_timestamp() END
    WHERE id = :id AND closed_at IS NULL
""")

CLOSE = text(
    "UPDATE chat_message SET closed_at = clock_timestamp(), error = :error WHERE id = :id AND closed_at IS NULL"
)

PUT_OFF = text("""
    UPDATE chat_message SET attempts = attempts + 1, error = :error,
                            next_try_at = clock_timestamp() + make_interval(secs => :seconds)
    WHERE id = :id
""")

# Take a click, unless it was taken before.
TAKE = text("""
    INSERT INTO chat_click (service, click_id, message_id, workspace, account, choice, comment, received_at, mac)
    VALUES (:service, :click_id, :message_id, :workspace, :account, :choice, :comment, :received_at, :mac)
    ON CONFLICT DO NOTHING RETURNING click_id
""")

# Hold a click that nobody has settled; whoever comes meanwhile passes it by.
HOLD = text("""
    SELECT click_id FROM chat_click WHERE service = :service AND click_id = :click_id AND settled_at IS NULL
    FOR UPDATE SKIP LOCKED
""")

SETTLE = text("""
    UPDATE chat_click SET settled_at = clock_timestamp(), result = :result, said = :said
    WHERE service = :service AND click_id = :click_id AND settled_at IS NULL
""")

# Clicks whose process has died before it settled them.
LEFT = text("""
    SELECT service, click_id FROM chat_click
    WHERE settled_at IS NULL AND received_at < clock_timestamp() - make_interval(secs => :seconds)
    ORDER BY received_at LIMIT :limit
""")


@dataclass(frozen=True)
class Stale:
    """A message to bring up to date, and the state that it has to show."""

    id: UUID
    mark: str


def not_shown(
    session: Session, service: ChatService, chat: str, *, risks: Sequence[str], limit: int
) -> Sequence[UUID]:
    """Return requests of these risks that wait for signatures and that a chat has no message of, oldest first."""
    asked = {"service": service.value, "chat": chat, "risks": list(risks), "limit": limit}
    return list(session.execute(NOT_SHOWN, asked).scalars())


def add_message(session: Session, row: ChatMessage) -> None:
    """Put a message on record."""
    session.add(row)
    session.flush()


def message_with(session: Session, message_id: UUID) -> ChatMessage | None:
    """Return a message as it is now, None where there is none."""
    return session.get(ChatMessage, message_id, populate_existing=True)


def reason_at(session: Session, service: ChatService, chat: str, message: str) -> ChatMessage | None:
    """Return the message in this place that asks for a reason."""
    query = select(ChatMessage).where(
        col(ChatMessage.purpose) == ChatPurpose.REASON,
        col(ChatMessage.service) == service,
        col(ChatMessage.chat) == chat,
        col(ChatMessage.message) == message,
    )
    return session.exec(query.order_by(col(ChatMessage.created_at).desc())).first()


def stale(session: Session, *, limit: int) -> Sequence[Stale]:
    """Return messages that have to be sent or changed now."""
    return [Stale(row.id, row.mark) for row in session.execute(STALE, {"limit": limit})]


def sent(session: Session, message_id: UUID, *, message: str, mac: str) -> None:
    """Write down what the service calls a message. One that has a name keeps it."""
    session.execute(SENT, {"id": message_id, "message": message, "mac": mac})


def shown(session: Session, message_id: UUID, mark: str, *, last: bool) -> None:
    """Write down what a message shows; with `last` it is never changed again."""
    session.execute(SHOWN, {"id": message_id, "mark": mark, "last": last})


def close(session: Session, message_id: UUID, *, error: str = "") -> None:
    """Take nothing from a message any more, and change it no more."""
    session.execute(CLOSE, {"id": message_id, "error": told(error)[:CHAT_ERROR_LIMIT]})


def put_off(session: Session, message_id: UUID, *, error: str, seconds: float) -> None:
    """Try a message again later."""
    said = told(error)[:CHAT_ERROR_LIMIT]
    session.execute(PUT_OFF, {"id": message_id, "error": said, "seconds": seconds})


def messages(session: Session, *, limit: int = LARGEST_PAGE) -> Sequence[ChatMessage]:
    """Return the messages that are still changed, newest first."""
    query = select(ChatMessage).where(col(ChatMessage.closed_at).is_(None))
    query = query.where(col(ChatMessage.purpose) == ChatPurpose.APPROVAL)
    return session.exec(query.order_by(col(ChatMessage.created_at).desc()).limit(min(limit, LARGEST_PAGE))).all()


def take_click(session: Session, row: ChatClick) -> bool:
    """Put a click on record; False where it is there already."""
    values = row.model_dump(exclude={"settled_at", "result", "said"}, mode="python")
    values |= {"service": row.service.value, "choice": row.choice.value}
    return session.execute(TAKE, values).one_or_none() is not None


def hold_click(session: Session, service: ChatService, click_id: str) -> ChatClick | None:
    """Return a click that nobody has settled, and keep others from settling it until the transaction ends."""
    if session.execute(HOLD, {"service": service.value, "click_id": click_id}).one_or_none() is None:
        return None
    return session.get(ChatClick, (service, click_id), populate_existing=True)


def settle_click(session: Session, service: ChatService, click_id: str, result: ClickResult, said: str = "") -> None:
    """Write down what became of a click; what was settled stays."""
    words = {"result": result.value, "said": told(said)[:CHAT_ERROR_LIMIT]}
    session.execute(SETTLE, {"service": service.value, "click_id": click_id, **words})


def left_clicks(session: Session, *, seconds: float, limit: int) -> Sequence[tuple[ChatService, str]]:
    """Return clicks that nobody has settled for so long."""
    rows = session.execute(LEFT, {"seconds": seconds, "limit": limit})
    return [(ChatService(row.service), row.click_id) for row in rows]
