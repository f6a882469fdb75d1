"""What `countersign doctor` says about notification channels, without telling them anything."""

import pytest

from blocks import NotificationChannels
from countersign.cli.doctor import Answer, examine
from countersign.settings import Settings
from tests.aftermath.notifications.conftest import receiver
from tests.aftermath.notifications.receiver import Receiver

__all__ = ["receiver"]
pytestmark = pytest.mark.stack
SECRET = "hunter2-do-not-show"


def said_of(block: str) -> list[Answer]:
    return [one for one in examine(Settings(channels_block=block)) if one.name == "channels"]


def test_each_channel_is_judged_by_itself_and_told_nothing(prefect_api: str, receiver: Receiver) -> None:
    urls = {
        "fine": f"json://bot:{SECRET}@{receiver.address}/",
        "pager": f"pagerduty://{'i' * 32}@{'k' * 20}",
        "mail": f"mailto://ops:{SECRET}@no-such-host.invalid",
        "absent": f"json://bot:{SECRET}@no-such-host.invalid/",
        "unknown": f"nosuchservice://{SECRET}",
        "port": f"json://{SECRET}@127.0.0.1:99999/",
    }
    channels = [*({"name": name} for name in urls), {"name": "block", "prefect_block": "slack-webhook/gone"}]
    bot = {"telegram_token": SECRET, "telegram_api": f"http://{receiver.address}"}
    NotificationChannels.model_validate({"channels": channels, "urls": urls, **bot}).save("seven")
    answers = said_of("seven")
    assert [(one.fine, one.said) for one in answers] == [
        (True, "fine: JSON, its host resolves"),
        (True, "pager: Pager Duty, its address can be read"),
        (False, "mail: its host does not resolve"),
        (False, "absent: its host does not resolve"),
        (False, "unknown: the address of the channel 'unknown' is none that Apprise knows"),
        (False, "port: the address of the channel 'port' has a port that is not between 1 and 65535"),
        (False, "block: the Prefect block slack-webhook/gone does not exist"),
        (True, "Telegram bot: its host resolves"),
        (True, "nothing was sent; `countersign channels test` sends each a test message"),
    ]
    assert all(one.hint for one in answers if not one.fine)
    assert SECRET not in str(answers)
    assert receiver.received() == []


def test_without_channels_it_says_that_nobody_is_told(prefect_api: str) -> None:
    [answer] = said_of("never-saved")
    assert answer.fine and "nobody is told" in answer.said


def test_notifications_that_are_switched_off_are_shown_as_such(prefect_api: str) -> None:
    NotificationChannels(enabled=False).save("off")
    assert [(one.fine, one.said) for one in said_of("off")] == [(True, "notifications are switched off")]


def test_a_block_that_cannot_be_used_is_one_answer_that_names_the_field(prefect_api: str) -> None:
    block = NotificationChannels()
    # As Prefect's UI saves it, which does not ask the block's type.
    block.telegram_api = "http://127.0.0.1:99999"
    block.save("wrong")
    [answer] = said_of("wrong")
    assert not answer.fine and "telegram_api has a port" in answer.said
