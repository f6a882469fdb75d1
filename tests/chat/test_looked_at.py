"""What `countersign doctor` says about chats: apps, key, and the address that clicks are sent to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread
from unittest.mock import ANY

import uvicorn

from countersign.cli.doctor_chats import address, looks_at, plain_services
from countersign.errors import CountersignError
from countersign.execution.chat_key import KEY_FILE
from countersign.execution.chats import Chats
from countersign.execution.services import Services
from tests.chat.rooms import Rooms


@contextmanager
def served(rooms: Rooms) -> Iterator[str]:
    """Serve the application, and yield its address."""
    server = uvicorn.Server(uvicorn.Config(rooms.house.app, port=0, log_level="warning", lifespan="off"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            thread.join(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def said(services: Services) -> list[str]:
    """Return what is said, line by line; what is wrong begins with an exclamation mark."""
    assert isinstance(services.chats, Chats)
    lines = []
    for look in looks_at(services.settings, services.chats, services.policy):
        try:
            lines.append(look())
        except CountersignError as error:
            assert error.hint
            lines.append(f"! {error.message}")
    return lines


def at(services: Services, url: str | None) -> Services:
    return replace(services, settings=services.settings.model_copy(update={"url": url}))


def test_chats_that_work_and_what_is_wrong_with_others(rooms: Rooms) -> None:
    services = rooms.house.services
    with served(rooms) as url:
        fine = said(at(services, url))
        assert [line[:1] == "!" for line in fine] == [False] * 4 + [True] + [False] * 3
        assert fine[0].startswith("slack: ") and fine[0].endswith("requests are shown in 1 of its chats")
        assert "the policy believes it" in fine[3]
        assert fine[4] == f"! clicks would be sent to {url}, which is not https"
        assert fine[7] == f"telegram: {url}/v1/chat/telegram answers, and refuses what it has not signed"
        # An address that leads to a service that takes whatever comes is not this installation's.
        astray = said(at(services, rooms.slack.address.removesuffix("/api")))
        assert [line for line in astray if "not as Countersign does" in line or "does not answer" in line] == [
            ANY
        ] * 3
    away = said(at(services, url))
    assert sum("does not answer" in line for line in away) == 3
    nowhere = said(at(services, None))
    assert nowhere[4:] == ["! COUNTERSIGN_URL is not set, so the services do not know where to send clicks"]
    assert rooms.slack.messages == {} and rooms.telegram.messages == {}
    assert address(at(services, "https://c.example").settings).endswith("by TLS")
    assert services.chats is not None and len(plain_services(services.the_chats())) == 3


def test_a_key_that_the_policy_does_not_know_and_one_that_is_missing(rooms: Rooms) -> None:
    services = rooms.house.services
    strange = services.policy.model_copy(update={"chat": None})
    assert "no click counts" in said(replace(at(services, None), policy=strange))[3]
    assert services.settings.trust_dir is not None
    (services.settings.trust_dir / KEY_FILE).unlink()
    assert "is missing" in said(at(services, None))[3]
    assert looks_at(services.settings, Chats(), services.policy) == ()
