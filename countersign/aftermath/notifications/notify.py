"""Tell all configured channels how an execution ended, each of them once.

A channel's message is on record before it is sent and once it was sent, so a retry of the step tells only those that
were not told. Killed between sending and recording, the step sends again: a message carries a key by which PagerDuty
and webhooks tell a repeated one, and the execution's short id, by which people do.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from time import monotonic

from countersign.aftermath.notifications.apprise_channel import Prepared, prepare
from countersign.aftermath.notifications.delivery import begin
from countersign.aftermath.notifications.message import Told, message_of
from countersign.aftermath.subject import Done, Skipped, StepEnd, Subject
from countersign.errors import ConfigurationError, CountersignError, DeliveryFailed, Stopped
from countersign.execution.channels import ROLLED_BACK, Channel, Channels
from countersign.metrics.worker import NOTIFICATIONS
from countersign.records import refusals
from countersign.records.approvals import signatures_of
from countersign.records.database.engine import statements, transaction
from countersign.records.deliveries import Postponed, record_failed, record_sent
from countersign.records.operation_log import log_of
from countersign.texts import text

AT_ONCE = 8
ANSWER_SECONDS = 15.0
"""For all of the exchange with one channel."""
MARGIN_SECONDS = 5.0
"""Kept for putting on record how it went."""
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Missed:
    """A channel that was not told."""

    channel: str
    error: CountersignError

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the service may be asked again, if it said so."""
        return self.error.retry_after if isinstance(self.error, DeliveryFailed) else None


def notify(subject: Subject) -> StepEnd:
    """Tell every channel that is meant. Raises DeliveryFailed naming those that were not told, TookTooLong."""
    configured = subject.services.the_channels()
    if not subject.services.settings.notify or (configured is not None and not configured.enabled):
        return Skipped(text("telling.switched_off"))
    if configured is None or not configured.channels:
        return Skipped(text("telling.no_channels"))
    told = _told(subject, configured)
    risk = subject.approval.risk_level.value
    meant = [one for one in configured.channels if one.is_told(risk=risk, outcome=told.outcome)]
    if not meant:
        return Skipped(text("telling.none_chosen", outcome=_word(told.outcome), risk=text(f"risk.{risk}")))
    _tell(subject, told, meant)
    names = [one.name for one in meant]
    return Done({"channels": names, "summary": text("telling.sent", channels=", ".join(names))})


def _word(outcome: str) -> str:
    return text("telling.rolled_back" if outcome == ROLLED_BACK else f"outcome.{outcome}")


def _told(subject: Subject, configured: Channels) -> Told:
    run, page_of_run = subject.execution.flow_run_id, configured.page_of_run
    with statements(subject.engine) as session:
        return Told(
            approval=subject.approval,
            execution=subject.execution,
            report=subject.report,
            signatures=signatures_of(session, subject.approval.id),
            log=log_of(session, subject.execution_id),
            page=page_of_run(run) if run and page_of_run else None,
        )


def _tell(subject: Subject, told: Told, channels: Sequence[Channel]) -> None:
    """Tell all of them at once; what a service asks to wait is waited for, if the step has the time."""
    missed = _round(subject, told, channels)
    while (pause := _pause(subject, missed)) is not None:
        if subject.stop.wait(pause):
            raise Stopped("The run ended before every channel was told.")
        names = {one.channel for one in missed}
        missed = _round(subject, told, [one for one in channels if one.name in names])
    if missed:
        said = "; ".join(f"{one.channel}: {one.error.message.rstrip('.')}" for one in missed)
        raise DeliveryFailed(f"{len(missed)} of {len(channels)} channels were not told: {said}.")


def _pause(subject: Subject, missed: Sequence[Missed]) -> float | None:
    """Return the seconds after which another round can tell somebody, None where the step has not the time."""
    asked = [one.retry_after for one in missed if one.retry_after is not None]
    if not asked or len(asked) < len(missed):
        return None
    pause = max(asked) + 0.05
    return pause if pause + MARGIN_SECONDS + 1 < subject.seconds_left() else None


def _round(subject: Subject, told: Told, channels: Sequence[Channel]) -> list[Missed]:
    pool = ThreadPoolExecutor(min(AT_ONCE, len(channels)), thread_name_prefix="channel")
    try:
        sends = {pool.submit(_send, subject, told, channel): channel for channel in channels}
        return [one for one in _ends(subject, sends) if one is not None]
    finally:
        # One that hangs ends at its own time limit, and finds its step's fence behind the next one's.
        pool.shutdown(wait=False, cancel_futures=True)


def _ends(subject: Subject, sends: dict[Future[Missed | None], Channel]) -> list[Missed | None]:
    give_up = monotonic() + max(subject.seconds_left() - MARGIN_SECONDS, LOOK_SECONDS)
    open_ones = set(sends)
    while open_ones and monotonic() < give_up and not subject.stop.is_set():
        open_ones = wait(open_ones, timeout=LOOK_SECONDS).not_done
    late = [Missed(sends[one].name, DeliveryFailed("It took too long.")) for one in open_ones]
    return [*(one.result() for one in sends if one not in open_ones), *late]


def _send(subject: Subject, told: Told, channel: Channel) -> Missed | None:
    execution_id = subject.execution_id
    prepared = _prepared(subject, told, channel)
    match begin(subject, channel.name):
        case False:
            return None
        case Postponed(seconds=seconds, error=said):
            return Missed(channel.name, DeliveryFailed(said, retry_after=seconds))
    try:
        if isinstance(prepared, CountersignError):
            raise prepared
        prepared.send(min(ANSWER_SECONDS, subject.seconds_left()))
    except CountersignError as error:
        with transaction(subject.engine) as session:
            record_failed(
                session,
                execution_id,
                channel.name,
                fence=subject.step.fence,
                error=error.message,
                retry_after_seconds=error.retry_after if isinstance(error, DeliveryFailed) else None,
            )
            refusals.note(session, error, approval_id=told.approval.id, details={"channel": channel.name})
        NOTIFICATIONS.count(channel=channel.name, result="failed")
        return Missed(channel.name, error)
    with statements(subject.engine) as session:
        record_sent(session, execution_id, channel.name)
    NOTIFICATIONS.count(channel=channel.name, result="sent")
    return None


def _prepared(subject: Subject, told: Told, channel: Channel) -> Prepared | CountersignError:
    """Prepare the message before its attempt begins: nothing slow may lie between beginning and sending."""
    try:
        return prepare(
            channel,
            message_of(told, channel.language),
            key=f"{subject.execution_id}/{channel.name}",
            failed=not subject.report.success,
        )
    except ConfigurationError as error:
        return error
