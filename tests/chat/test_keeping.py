"""The web process's thread keeps the chats by itself, and one of several does."""

import time
from collections.abc import Callable

from countersign.chat.keeping import ChatKeeper
from tests.chat.rooms import ALICE, Rooms

PATIENCE = 60.0


def wait_for(found: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_what_waits_is_shown_once_and_followed(rooms: Rooms) -> None:
    keepers = [ChatKeeper(lambda: rooms.house.services) for _ in range(2)]
    rooms.file()
    for each in keepers:
        each.start()
    try:
        wait_for(lambda: rooms.telegram.messages)
        wait_for(lambda: rooms.slack.messages)
        message = rooms.last("slack")
        wait_for(lambda: rooms.approve("slack", message, ALICE) and rooms.told("slack")[-1:] != [])
        wait_for(lambda: "is on record" in "".join(rooms.told("slack")))
        wait_for(lambda: rooms.slack.buttons(message) == {})
    finally:
        for each in keepers:
            each.close()
    assert len(rooms.slack.messages) == len(rooms.telegram.messages) == 1
