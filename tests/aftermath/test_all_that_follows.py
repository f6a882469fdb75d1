"""Everything that follows one execution, together: on a good day, and while everything around it is down."""

import time
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from redis import Redis
from sqlalchemy import text

from countersign.execution.channels import Channel, Channels, TelegramBot
from countersign.execution.report import Report
from countersign.records.database.engine import transaction
from countersign.records.states import StepName, StepStatus
from countersign.records.tables import LedgerStep
from tests.aftermath.following import execution_id_of, follow
from tests.aftermath.incidents.remembered import RESTART, case, received, told, with_redis
from tests.aftermath.notifications.conftest import bot, receiver, webhook
from tests.aftermath.notifications.receiver import Receiver, Reply
from tests.execution.conftest import Office

__all__ = ["bot", "receiver", "webhook"]

HOOK, SEND = "/hook/team", "/sendMessage"
DOWN = "unix:///nonexistent/valkey.sock"


@pytest.fixture
def equipped(office: Office, webhook: Callable[..., Channel], bot: TelegramBot, valkey_url: str) -> Office:
    """An office with an incident, a channel, and the incident's card in a chat."""
    received(office.services.engine, incident_id="INC-1")
    with Redis.from_url(valkey_url) as redis:
        redis.set("tg_msg:INC-1", "-100:7")
    channels = Channels(channels=(webhook("team"),), bot=bot)
    return with_redis(replace(office, services=replace(office.services, channels=channels)), valkey_url)


def until_ended(office: Office, report: Report) -> dict[StepName, LedgerStep]:
    """Run the steps as often as rounds of reconciliation would, until each has ended."""
    give_up = time.monotonic() + 120
    while True:
        steps = follow(office, report)
        if all(row.ended_at for row in steps.values()):
            return steps
        assert time.monotonic() < give_up, {name: row.error for name, row in steps.items() if not row.ended_at}
        with transaction(office.services.engine) as session:
            session.execute(text("UPDATE ledger_step SET due_at = clock_timestamp() WHERE status = 'pending'"))


def how_they_ended(steps: dict[StepName, LedgerStep]) -> dict[str, str | None]:
    return {name.value: row.reason for name, row in steps.items() if row.status is not StepStatus.DONE}


def test_a_success_leaves_all_ten_steps_done(equipped: Office, receiver: Receiver) -> None:
    report = equipped.perform(RESTART, incident_id="INC-1")
    steps = follow(equipped, report)
    assert len(steps) == 10
    assert how_they_ended(steps) == {}
    assert (len(receiver.received(HOOK)), len(receiver.received(SEND))) == (1, 1)
    assert "INC-1" in case(equipped.services.engine, execution_id_of(report)).body
    assert told(equipped.services.engine, "INC-1").count("incident_resolved") == 1


@pytest.mark.all_rights
def test_with_everything_around_it_down_the_outcome_is_right_and_the_rest_follows_once(
    equipped: Office, receiver: Receiver, valkey_url: str
) -> None:
    receiver.always(HOOK, Reply(500))
    without_redis = with_redis(equipped, DOWN).with_settings(step_retry_seconds=600)
    with equipped.services.engine.connect() as other, other.begin():
        other.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        other.execute(text("LOCK TABLE knowledge_entry IN ACCESS EXCLUSIVE MODE"))
        report = without_redis.perform(RESTART, incident_id="INC-1")
        assert report.outcome == "success"
        steps = follow(without_redis, report)
    open_steps = {name: row.error or "" for name, row in steps.items() if not row.ended_at}
    assert "500" in open_steps[StepName.NOTIFY]
    assert "locked" in open_steps[StepName.DEPOSIT_KNOWLEDGE]
    assert "Redis" in open_steps[StepName.RECORD_DISPOSITION]
    assert StepName.REPLY_ON_CARD in open_steps, "it waits for the knowledge"
    assert {StepName.VERIFY, StepName.LEARN, StepName.CLOSE_LOG}.isdisjoint(open_steps)

    receiver.always(HOOK, None)
    asked_in_vain = len(receiver.received(HOOK))
    assert how_they_ended(until_ended(equipped, report)) == {}
    assert len(receiver.received(HOOK)) == asked_in_vain + 1
    assert len(receiver.received(SEND)) == 1
    assert entries(equipped, execution_id_of(report)) == 1
    assert how_they_ended(follow(equipped, report)) == {}
    assert len(receiver.received(HOOK)) == asked_in_vain + 1


def entries(office: Office, execution_id: UUID) -> int:
    with transaction(office.services.engine) as session:
        asked = {"execution_id": execution_id}
        found = session.execute(
            text("SELECT count(*) FROM knowledge_entry WHERE execution_id = :execution_id"), asked
        )
        return int(found.scalar_one())
