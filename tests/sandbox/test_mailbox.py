"""The demonstration's mailbox tells a message that arrived again from another one."""

import httpx

from sandbox.demo.mailbox import Mailbox


def test_a_message_with_the_key_of_an_earlier_one_arrived_again() -> None:
    mailbox = Mailbox()
    address = mailbox.address.replace("json://", "http://")
    for key in ("a", "b", "a"):
        httpx.post(address, json={"title": f"Succeeded: {key}"}, headers={"Idempotency-Key": key}).raise_for_status()
    assert (mailbox.count, mailbox.repeated, mailbox.kinds) == (3, 1, {"Succeeded": 3})
