"""Limits that two people lift for some minutes, on record: begun, confirmed, used, ended, and told.

Whatever asks about time asks the database's clock. What these rows say is believed only with their MACs, and lifts
something only as far as the policy of the moment lets it (countersign.policy.break_glass).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from countersign.errors import NotFound
from countersign.records.audit_events import Event
from countersign.records.audit_sources import BREAK_GLASS_BEGUN, BREAK_GLASS_CONFIRMED, BREAK_GLASS_ENDED, USE, tell
from countersign.records.database.storable import clean, told
from countersign.records.states import BreakGlassNews
from countersign.records.tables import BreakGlass, BreakGlassUse

LARGEST_PAGE = 100

# Confirm one that nobody has confirmed or ended, in time. Its end is counted from now.
CONFIRM = text("""
    UPDATE break_glass
    SET confirmed_by = :by, confirmed_key = :key, confirmed_groups = :groups, confirmed_at = :at,
        ends_at = :ends_at, confirmed_mac = :mac
    WHERE id = :id AND confirmed_at IS NULL AND ended_at IS NULL AND :at <= confirm_until
    RETURNING id
""")

# Those that lift something at this moment, the newest first.
OPEN = text("""
    SELECT id FROM break_glass
    WHERE ended_at IS NULL AND confirmed_at IS NOT NULL AND ends_at > clock_timestamp()
    ORDER BY begun_at DESC LIMIT :limit
""")

# End one that has not ended.
END = text("""
    UPDATE break_glass SET ended_at = clock_timestamp(), ended_by = :by, end_reason = :reason
    WHERE id = :id AND ended_at IS NULL RETURNING id
""")

# Those whose time is over, that nobody has ended: confirmed and used up, or never confirmed.
OVER = text("""
    SELECT id FROM break_glass
    WHERE ended_at IS NULL AND coalesce(ends_at, confirm_until) <= clock_timestamp()
    ORDER BY begun_at LIMIT :limit
""")

# Put on record which limit an execution got past, once.
NOTE_USE = text("""
    INSERT INTO break_glass_use (break_glass_id, approval_id, execution_id, lift, said)
    VALUES (:id, :approval_id, :execution_id, :lift, :said)
    ON CONFLICT DO NOTHING RETURNING seq
""")

NOTIFY = text("INSERT INTO break_glass_notice (break_glass_id, news) VALUES (:id, :news) ON CONFLICT DO NOTHING")

# Take a piece of news that some channel was not told, for as long as telling takes: whoever dies leaves it to others.
TAKE_NEWS = text("""
    UPDATE break_glass_notice SET attempts = attempts + 1,
           next_try_at = clock_timestamp() + make_interval(secs => CAST(:seconds AS float8))
    WHERE (break_glass_id, news) = (
        SELECT break_glass_id, news FROM break_glass_notice
        WHERE done_at IS NULL AND next_try_at <= clock_timestamp()
        ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING break_glass_id, news, told, attempts
""")

# Put on record who was told of it; with `done` nobody else is.
TELL_NEWS = text("""
    UPDATE break_glass_notice
    SET told = :told, error = :error, done_at = CASE WHEN :done THEN clock_timestamp() END,
        next_try_at = clock_timestamp() + make_interval(secs => CAST(:seconds AS float8))
    WHERE break_glass_id = :id AND news = :news AND done_at IS NULL
""")


@dataclass(frozen=True)
class News:
    """What channels are to be told."""

    break_glass_id: UUID
    news: BreakGlassNews
    told: tuple[str, ...]
    """The channels that were."""
    attempts: int


def add(session: Session, row: BreakGlass) -> None:
    """Put one that was begun on record."""
    session.add(row)
    session.flush()
    _announce(session, row.id, BreakGlassNews.BEGUN)
    tell(session, Event.BREAK_GLASS_BEGUN, BREAK_GLASS_BEGUN, row.id)


def find(session: Session, break_glass_id: UUID) -> BreakGlass:
    """Return one as it is on record. Raises NotFound."""
    found = session.get(BreakGlass, break_glass_id, populate_existing=True)
    if found is None:
        raise NotFound(f"break-glass {break_glass_id} does not exist", hint="`countersign break-glass show`")
    return found


def confirm(
    session: Session,
    break_glass_id: UUID,
    *,
    by: str,
    key: str,
    groups: Sequence[str],
    at: datetime,
    ends_at: datetime,
    mac: str,
) -> bool:
    """Confirm it; False where it was confirmed, has ended, or waited for too long."""
    asked = {"by": clean(by), "key": key, "groups": list(groups), "at": at, "ends_at": ends_at, "mac": mac}
    if session.execute(CONFIRM, {"id": break_glass_id, **asked}).one_or_none() is None:
        return False
    _announce(session, break_glass_id, BreakGlassNews.CONFIRMED)
    tell(session, Event.BREAK_GLASS_CONFIRMED, BREAK_GLASS_CONFIRMED, break_glass_id)
    return True


def end(session: Session, break_glass_id: UUID, *, by: str, reason: str) -> bool:
    """End it; False where it had ended."""
    asked = {"id": break_glass_id, "by": clean(by), "reason": told(reason)}
    if session.execute(END, asked).one_or_none() is None:
        return False
    _announce(session, break_glass_id, BreakGlassNews.ENDED)
    tell(session, Event.BREAK_GLASS_ENDED, BREAK_GLASS_ENDED, break_glass_id)
    return True


def open_now(session: Session, *, limit: int = LARGEST_PAGE) -> Sequence[BreakGlass]:
    """Return those that were confirmed and whose time is not over, the newest first."""
    ids = list(session.execute(OPEN, {"limit": limit}).scalars())
    rows = {row.id: row for row in session.exec(select(BreakGlass).where(col(BreakGlass.id).in_(ids)))} if ids else {}
    return [rows[each] for each in ids]


def over(session: Session, *, limit: int = LARGEST_PAGE) -> Sequence[UUID]:
    """Return those whose time is over, and that were not ended."""
    return list(session.execute(OVER, {"limit": limit}).scalars())


def lately(session: Session, *, limit: int = 20) -> Sequence[BreakGlass]:
    """Return the newest ones."""
    query = select(BreakGlass).order_by(col(BreakGlass.begun_at).desc()).limit(min(limit, LARGEST_PAGE))
    return session.exec(query.execution_options(populate_existing=True)).all()


def note_use(
    session: Session, break_glass_id: UUID, *, approval_id: UUID, execution_id: UUID, lift: str, said: str
) -> bool:
    """Put on record that an execution got past a limit by it; False where that is on record."""
    asked = {"id": break_glass_id, "approval_id": approval_id, "execution_id": execution_id}
    seq = session.execute(NOTE_USE, {**asked, "lift": lift, "said": told(said)}).scalar_one_or_none()
    if seq is None:
        return False
    tell(session, Event.BREAK_GLASS_USED, USE, seq)
    return True


def uses_of(session: Session, execution_id: UUID) -> Sequence[BreakGlassUse]:
    """Return what an execution got past, in the order in which it did."""
    query = select(BreakGlassUse).where(col(BreakGlassUse.execution_id) == execution_id)
    return session.exec(query.order_by(col(BreakGlassUse.seq))).all()


def take_news(session: Session, *, seconds: float) -> News | None:
    """Take a piece of news that is to be told, for `seconds`; None where nothing is."""
    row = session.execute(TAKE_NEWS, {"seconds": seconds}).one_or_none()
    if row is None:
        return None
    return News(row.break_glass_id, BreakGlassNews(row.news), tuple(row.told), row.attempts)


def news_told(
    session: Session, news: News, *, told_to: Sequence[str], error: str, done: bool, seconds: float
) -> None:
    """Put on record who was told, and when it is tried again unless it is `done`."""
    asked = {"id": news.break_glass_id, "news": news.news.value, "told": list(told_to), "error": told(error)}
    session.execute(TELL_NEWS, {**asked, "done": done, "seconds": seconds})


def _announce(session: Session, break_glass_id: UUID, news: BreakGlassNews) -> None:
    session.execute(NOTIFY, {"id": break_glass_id, "news": news.value})
