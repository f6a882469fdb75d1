"""Speaks to the chats' addresses as if it were the service: by another secret, key or time, or as nobody."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.attacks.chats import nothing_counts, rooms
from tests.chat.rooms import ALICE, SERVICES, Rooms

__all__ = ["rooms"]


def codes(rooms: Rooms, name: str, *requests: tuple[bytes, dict[str, Any]]) -> list[int]:
    """Send requests; whoever fails too often waits, which is no other answer to any of them."""
    found = []
    for request in requests:
        found.append(rooms.send(name, request).status_code)
        rooms.house.app.state.doors.lockout._failures.clear()
    return found


def test_what_slack_did_not_sign_is_refused(rooms: Rooms) -> None:
    body, headers = rooms.slack.press(rooms.shown("slack"), "Approve", ALICE["slack"])
    signature = "x-slack-signature"
    forged = [
        rooms.slack.signed(body, secret="another-secret"),
        rooms.slack.signed(body, ago=301),
        rooms.slack.signed(body, ago=-360),
        (body.replace(b"U0ALICE", b"U0BOB00"), headers),
        (body + b"&payload=%7B%7D", headers),
        (body, {**headers, signature: ""}),
        (body, {**headers, signature: headers[signature][3:]}),
        (body, {**headers, signature: headers[signature].replace("v0", "v1")}),
        (body, {**headers, signature: b"v0=\xe9"}),
        (body, {**headers, "x-slack-request-timestamp": "nan"}),
        (body, {**headers, "x-slack-request-timestamp": "9" * 5000}),
        (body, {name: value for name, value in headers.items() if "slack" not in name}),
    ]
    with nothing_counts(rooms, told=0):
        assert codes(rooms, "slack", *forged) == [401] * len(forged)


def test_what_discord_did_not_sign_is_refused_as_it_tries_itself(rooms: Rooms) -> None:
    body, headers = rooms.discord.press(rooms.shown("discord"), "Approve", ALICE["discord"])
    at, signature = "x-signature-timestamp", "x-signature-ed25519"
    forged = [
        rooms.discord.signed({"type": 1}, key=Ed25519PrivateKey.generate()),
        rooms.discord.signed({"type": 1}, ago=301),
        (body.replace(ALICE["discord"].encode(), b"80351110224678913"), headers),
        (body, {**headers, at: str(int(headers[at]) + 1)}),
        (body, {**headers, at: ""}),
        (body, {**headers, signature: ""}),
        (body, {**headers, signature: "zz"}),
        (body, {**headers, signature: "0" * 128}),
        (body, {"content-type": "application/json"}),
    ]
    with nothing_counts(rooms, told=0):
        assert codes(rooms, "discord", *forged) == [401] * len(forged)


def test_what_has_not_telegrams_secret_is_refused(rooms: Rooms) -> None:
    body, headers = rooms.telegram.press(rooms.shown("telegram"), "Approve", ALICE["telegram"])
    secret = "x-telegram-bot-api-secret-token"
    forged = [
        (body, {"content-type": "application/json"}),
        (body, {**headers, secret: ""}),
        (body, {**headers, secret: headers[secret][:-1]}),
        (body, {**headers, secret: rooms.telegram.token}),
        (body, {**headers, secret: b"\xe9"}),
        (body, {**headers, secret: rooms.house.services.seal.chat_secret("slack")}),
    ]
    with nothing_counts(rooms, told=0):
        assert codes(rooms, "telegram", *forged) == [401] * len(forged)


def test_one_service_is_not_another(rooms: Rooms) -> None:
    presses = {name: rooms.service(name).press(rooms.shown(name), "Approve", ALICE[name]) for name in SERVICES}
    with nothing_counts(rooms, told=0):
        for name, press in presses.items():
            for other in SERVICES:
                if other != name:
                    assert codes(rooms, other, press) == [401]


def test_what_a_service_signed_and_is_no_press_is_refused_without_a_fault(rooms: Rooms) -> None:
    deep = '{"a":' * 20_000
    slack = [rooms.slack.signed(body) for body in (b"", b"payload=", b"payload=[]", b"payload=%7B%7D", b"a=b")]
    slack += [rooms.slack.signed(f"payload={deep}".encode())]
    discord = [rooms.discord.signed(body) for body in ({}, [], {"type": 3, "member": {}}, {"type": 5, "member": 1})]
    telegram = [
        rooms.telegram.update(body)
        for body in (
            {"callback_query": 1},
            {"callback_query": {"data": "", "message": {}}},
            {"message": {"reply_to_message": 1, "text": ""}},
        )
    ]
    with nothing_counts(rooms, told=0):
        assert set(codes(rooms, "slack", *slack)) <= {422, 413}
        assert set(codes(rooms, "discord", *discord)) == {422}
        assert set(codes(rooms, "telegram", *telegram)) == {422}


def test_guessing_is_made_slow_and_the_service_is_not(rooms: Rooms) -> None:
    press = rooms.slack.press(rooms.shown("slack"), "Approve", ALICE["slack"])
    wrong = rooms.slack.signed(b"payload=%7B%7D", secret="another-secret")
    assert [rooms.send("slack", wrong).status_code for _ in range(8)][-1] == 429
    assert rooms.send("slack", press).status_code == 200
    assert len(rooms.told("slack")) == 1
