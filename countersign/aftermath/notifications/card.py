"""Reply on the alert's card: whoever pressed its button sees, under it, what became of it.

The buttons are removed first, which is harmless to repeat. The reply has a delivery row as a channel's message has:
sent once per execution, unless the process is killed between sending it and recording that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countersign.aftermath.notifications.cards import CardMessage, CardReplies, read_card
from countersign.aftermath.notifications.delivery import begin
from countersign.aftermath.notifications.markup import Dialect, escaped
from countersign.aftermath.notifications.message import middle_cut, short_id
from countersign.aftermath.notifications.telegram import Telegram
from countersign.aftermath.subject import Done, Skipped, StepEnd, Subject
from countersign.errors import DeliveryFailed, Stopped
from countersign.execution.channels import CARD, TelegramBot
from countersign.masking import masked
from countersign.memory.cards import card_of
from countersign.memory.connection import open_memory
from countersign.metrics.worker import NOTIFICATIONS
from countersign.records import refusals
from countersign.records.database.engine import statements, transaction
from countersign.records.deliveries import Postponed, record_failed, record_sent
from countersign.records.states import StepName
from countersign.texts import text

ERROR_LIMIT = 150
COMMAND_LIMIT = 180
TITLE_LIMIT = 200
ANSWER_SECONDS = 8.0
MARGIN_SECONDS = 3.0


@dataclass(frozen=True)
class Replied:
    """The card has its reply."""

    kept: str | None
    """Why its buttons are still there, None where they are not."""


def reply_on_card(subject: Subject) -> StepEnd:
    """Remove the card's buttons and reply on it. Raises DeliveryFailed, DeliveryRefused, ConfigurationError."""
    found = _find(subject)
    if isinstance(found, Skipped):
        return found
    bot, card = found
    telegram = Telegram(bot, timeout=min(ANSWER_SECONDS, subject.seconds_left()))
    sent = _reply(subject, telegram, card, reply_text(subject, bot.language))
    if sent is None:
        return Done({"summary": text("card.replied_before")})
    said = text("card.replied") if sent.kept is None else text("card.buttons_stay", reason=sent.kept)
    return Done({"chat": card.chat, "message": card.message, "summary": said})


def reply_text(subject: Subject, language: str) -> str:
    """Return the reply in Telegram's HTML: how it ended, the command, and the knowledge that came of it."""

    def say(key: str) -> str:
        return text(key, language=language)

    report = subject.report
    lines = [f"<b>{_shown(say('card.success' if report.success else 'card.failed'), ERROR_LIMIT)}</b>"]
    if not report.success:
        outcome = text(f"outcome.{report.outcome}", language=language)
        lines = [f"<b>{_shown(outcome, ERROR_LIMIT)}</b>", _shown(report.message, ERROR_LIMIT)]
    lines.append(f"{_shown(say('card.command'), 60)}: <code>{_shown(subject.approval.action, COMMAND_LIMIT)}</code>")
    knowledge = subject.result_of(StepName.DEPOSIT_KNOWLEDGE) or {}
    if title := knowledge.get("title"):
        lines.append(f"{_shown(say('card.knowledge'), 60)}: {_shown(str(title), TITLE_LIMIT)}")
    if added := _added_to_playbooks(subject.result_of(StepName.EXTRACT_PLAYBOOK) or {}, language):
        lines.append(f"{_shown(say('card.playbook'), 60)}: {_shown(added, TITLE_LIMIT)}")
    lines.append(f"{_shown(say('telling.execution'), 60)}: {short_id(subject.execution)}")
    return "\n".join(lines)


def _added_to_playbooks(extracted: Mapping[str, Any], language: str) -> str | None:
    """Return what the execution made of a playbook, None where it only counted for one."""
    name, status = extracted.get("playbook"), extracted.get("status")
    if not name or not status or extracted.get("how") not in ("made", "merged"):
        return None
    return text(
        "card.playbook_made" if extracted.get("created") else "card.playbook_changed",
        language=language,
        name=name,
        status=text(f"playbook_status.{status}", language=language),
    )


def _find(subject: Subject) -> tuple[TelegramBot, CardMessage] | Skipped:
    """Return who replies on what, or why nobody does. Raises MemoryUnavailable."""
    settings, incident_id = subject.services.settings, subject.incident_id
    configured = subject.services.the_channels()
    if subject.approval.auto_approved:
        return Skipped(text("card.auto_approved"))
    if incident_id is None:
        return Skipped(text("card.no_incident"))
    if not settings.notify or (configured is not None and not configured.enabled):
        return Skipped(text("telling.switched_off"))
    if configured is None or configured.bot is None:
        return Skipped(text("card.no_bot"))
    if settings.redis_url is None:
        return Skipped(text("card.no_redis"))
    kept = card_of(open_memory(settings.redis_url), incident_id)
    if kept is None:
        return Skipped(text("card.no_card", incident=incident_id))
    card = read_card(kept, chat=configured.card_chat)
    if card is None:
        return Skipped(text("card.unreadable", incident=incident_id))
    if not configured.may_reply_in(card.chat):
        return Skipped(text("card.foreign_chat", incident=incident_id, chat=card.chat))
    return configured.bot, card


def _reply(subject: Subject, service: CardReplies, card: CardMessage, html: str) -> Replied | None:
    """Reply, once more where the service asks for a moment that the step has; put on record how it went.

    Returns None where the card had its reply before.
    """
    kept: str | None = None
    while True:
        match begin(subject, CARD):
            case False:
                return None
            case Postponed(seconds=seconds, error=said):
                raise DeliveryFailed(said, retry_after=seconds)
        try:
            kept = _remove_buttons(service, card, seconds=subject.seconds_left())
            service.reply(card, html)
            break
        except DeliveryFailed as error:
            pause = error.retry_after
            if pause is None or pause + MARGIN_SECONDS > subject.seconds_left():
                with transaction(subject.engine) as session:
                    record_failed(
                        session,
                        subject.execution_id,
                        CARD,
                        fence=subject.step.fence,
                        error=error.message,
                        retry_after_seconds=pause,
                    )
                    refusals.note(session, error, approval_id=subject.approval.id, details={"channel": CARD})
                NOTIFICATIONS.count(channel=CARD, result="failed")
                raise
            if subject.stop.wait(pause):
                raise Stopped("The run ended before the card had its reply.") from None
    with statements(subject.engine) as session:
        record_sent(session, subject.execution_id, CARD)
    NOTIFICATIONS.count(channel=CARD, result="sent")
    return Replied(kept)


def _remove_buttons(service: CardReplies, card: CardMessage, *, seconds: float) -> str | None:
    """Take the buttons away; return why they stay where that cannot be done: the reply goes out all the same.

    Raises DeliveryFailed where the service asks for a moment that there is.
    """
    try:
        service.remove_buttons(card)
    except DeliveryFailed as error:
        if error.retry_after is not None and error.retry_after + MARGIN_SECONDS <= seconds:
            raise
        return error.message
    return None


def _shown(value: str, most: int) -> str:
    return escaped(middle_cut(" ".join(masked(value).split()), most), Dialect.TELEGRAM)
