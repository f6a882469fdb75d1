"""Telling every channel that limits are to be lifted, are lifted, and hold again: whatever it is told of otherwise.

What was told to whom is on record, so that whoever dies meanwhile leaves the rest to others. A channel may be told
twice so, and never not at all while it can be reached.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from countersign.aftermath.notifications.apprise_channel import prepare
from countersign.aftermath.notifications.message import Message
from countersign.errors import ConfigurationError, CountersignError
from countersign.execution.break_glass import end_what_is_over, hash_of
from countersign.execution.channels import Channel
from countersign.execution.services import Services
from countersign.masking import masked
from countersign.records import break_glass
from countersign.records.break_glass import News
from countersign.records.database.engine import transaction
from countersign.records.states import BreakGlassNews
from countersign.records.tables import BreakGlass
from countersign.texts import text

ANSWER_SECONDS: Final = 15.0
"""For all of the exchange with one channel."""
TAKEN_SECONDS: Final = 60.0
"""For so long nobody else tells what one has taken."""
PAUSE_SECONDS: Final = 5.0
"""Before a channel is tried again; doubles each time."""
MOST_ATTEMPTS: Final = 10
AT_ONCE: Final = 8


def look(services: Services) -> int:
    """End what is over, tell what there is to tell, and return how much that was. Raises DatabaseUnavailable."""
    done = end_what_is_over(services)
    while True:
        with transaction(services.engine) as session:
            news = break_glass.take_news(session, seconds=TAKEN_SECONDS)
        if news is None:
            return done
        _tell(services, news)
        done += 1


def message_of(row: BreakGlass, news: BreakGlassNews, language: str) -> Message:
    """Return what is said of it in `language`."""

    def say(key: str, **values: object) -> str:
        return text(f"break_glass.{key}", language=language, **values)

    facts = [
        (say("lifts"), ", ".join(text(f"check.{each}", language=language) for each in row.lifts)),
        (say("place"), place_of(row, language=language)),
        (say("operation"), row.operation or say("anything")),
        (say("up_to"), text(f"risk.{row.up_to}", language=language)),
        (say("reason"), row.reason),
        (say("begun_by"), row.begun_by),
        (say("confirmed_by"), row.confirmed_by or ""),
        (say("for_minutes"), str(row.minutes)),
        (say("until"), _moment(row.ends_at or row.confirm_until) if row.ended_at is None else ""),
        (say("ended_by"), "" if row.ended_by is None else f"{row.ended_by}: {row.end_reason}"),
        (say("id"), str(row.id)),
    ]
    if news is BreakGlassNews.BEGUN:
        facts.append((text("report.hint", language=language), say("confirm_with", id=row.id, hash=hash_of(row))))
    return Message(
        title=masked(say(f"title_{news}", place=place_of(row, language=language))),
        facts=tuple((name, " ".join(masked(value).split())) for name, value in facts if value),
    )


def place_of(row: BreakGlass, *, language: str | None = None) -> str:
    """Return where limits are lifted."""
    return f"{row.cluster}/{row.namespace or text('break_glass.everywhere', language=language)}"


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S %Z")


def _tell(services: Services, news: News) -> None:
    channels, error = _channels(services)
    open_ones = [one for one in channels if one.name not in news.told]
    with transaction(services.engine) as session:
        row = break_glass.find(session, news.break_glass_id)
        session.expunge(row)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="break-glass") as pool:
        failures = list(pool.map(lambda one: _send(row, news, one), open_ones))
    told = [one.name for one, failure in zip(open_ones, failures, strict=True) if failure is None]
    missed = [f"{one.name}: {said}" for one, said in zip(open_ones, failures, strict=True) if said is not None]
    error = "; ".join(filter(None, (error, *missed)))
    with transaction(services.engine) as session:
        break_glass.news_told(
            session,
            news,
            told_to=[*news.told, *told],
            error=error,
            done=not error or news.attempts >= MOST_ATTEMPTS,
            seconds=PAUSE_SECONDS * 2 ** min(news.attempts - 1, 6),
        )


def _channels(services: Services) -> tuple[Sequence[Channel], str]:
    """Return who is told, and what keeps that from being known."""
    try:
        configured = services.the_channels()
    except ConfigurationError as error:
        return (), error.message
    if configured is None or not configured.enabled or not services.settings.notify:
        return (), ""
    return configured.channels, ""


def _send(row: BreakGlass, news: News, channel: Channel) -> str | None:
    """Tell one channel; return why it was not told."""
    try:
        message = message_of(row, news.news, channel.language)
        grave = news.news is BreakGlassNews.CONFIRMED
        prepare(channel, message, key=f"{row.id}/{news.news}/{channel.name}", failed=grave).send(ANSWER_SECONDS)
    except CountersignError as error:
        return error.message
    return None
