"""No token of a channel or of the bot gets out: not into logs, not into any table."""

import logging
from dataclasses import replace

import pytest
from apprise.plugins.telegram import NotifyTelegram
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import text

from countersign.execution.channels import Channel, Channels, TelegramBot
from countersign.records.database.engine import transaction
from countersign.records.states import StepName
from sandbox.hosts.ports import free_port
from tests.aftermath.following import execution_id_of, run_one
from tests.aftermath.notifications.receiver import Receiver, Reply
from tests.execution.conftest import Office

TABLES = text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
SECRET = "hunter2MustNeverBeShownAnywhere1234"
BOT = f"987654321:{SECRET}"


@pytest.fixture
def office_that_fails(office: Office, receiver: Receiver, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Office:
    """An office none of whose channels works, each in its own way, and whose bot is refused."""
    monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://{receiver.address}/bot")
    receiver.always("", Reply(401, {"ok": False, "description": f"{BOT} is wrong", "message": SECRET}))
    gone = f"127.0.0.1:{free_port()}"
    urls = (
        f"json://bot:{SECRET}@{receiver.address}/{SECRET}?+Authorization={SECRET}",
        f"json://bot:{SECRET}@{gone}/{SECRET}",
        f"tgram://{BOT}/12345",
        f"mailto://ops:{SECRET}@{gone}?from=a@example.com&to=b@example.com",
        f"nosuch://{SECRET}",
        f"slack://{SECRET}",
    )
    with Redis.from_url(valkey_url) as redis:
        redis.set("tg_msg:INC-1", "-100:7")
    channels = Channels(
        channels=tuple(Channel(f"channel-{number}", SecretStr(url)) for number, url in enumerate(urls)),
        bot=TelegramBot(SecretStr(BOT), f"http://{receiver.address}", ("-100",)),
    )
    failing = replace(office, services=replace(office.services, channels=channels))
    return failing.with_settings(redis_url=SecretStr(valkey_url))


@pytest.mark.all_rights
def test_no_token_is_in_a_log_or_a_table(
    office_that_fails: Office, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    office = office_that_fails
    # pytest listens to a logger that does not propagate by itself; nobody else does.
    apprise = logging.getLogger("apprise")
    for handler in list(apprise.handlers):
        apprise.removeHandler(handler)
    with caplog.at_level(logging.DEBUG):
        execution_id = execution_id_of(
            office.perform("kubectl rollout restart deployment/api -n prod", incident_id="INC-1")
        )
        with transaction(office.services.engine) as session:
            session.execute(text("UPDATE ledger_step SET after = '{}'"))
        told = run_one(office, execution_id, StepName.NOTIFY)
        card = run_one(office, execution_id, StepName.REPLY_ON_CARD)
    assert told.error is not None and told.error.startswith("delivery: 6 of 6 channels were not told")
    assert card.error is not None and "answers 401" in card.error
    assert len(receiver.received()) >= 3
    assert SECRET not in caplog.text
    with transaction(office.services.engine) as session:
        for table in session.execute(TABLES).scalars().all():
            rows = "\n".join(session.execute(text(f'SELECT row_to_json(t)::text FROM "{table}" t')).scalars())
            assert SECRET not in rows, table


def test_what_an_action_holds_of_a_secret_is_not_told(office: Office, receiver: Receiver) -> None:
    channels = Channels(channels=(Channel("one", SecretStr(f"json://{receiver.address}/one")),))
    office = replace(office, services=replace(office.services, channels=channels))
    report = office.perform(f"kubectl set env deployment/api DB_PASSWORD={SECRET} -n prod")
    run_one(office, execution_id_of(report), StepName.NOTIFY)
    [message] = receiver.received("/one")
    assert SECRET not in str(message.body)
    assert "DB_PASSWORD=***" in message.body["message"]
