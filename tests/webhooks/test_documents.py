"""docs/webhooks.md: its receiver runs as it stands there, and its table has every event."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from countersign.records.database.engine import transaction
from countersign.webhooks import subscriptions
from countersign.webhooks.events import PUBLIC, TEST
from tests.planted import plant
from tests.records.builders import approved
from tests.webhooks.conftest import PATIENCE, Post

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"


def program(name: str) -> str:
    found = re.search(rf"^```python {name}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_page_lists_every_event() -> None:
    rows = re.findall(r"^\| (`[a-z_]+\.[a-z_]+`.*?) \|", PAGE.read_text(), re.MULTILINE)
    listed = re.findall(r"`([a-z_]+\.[a-z_]+)`", "".join(rows))
    asked = {"approval.requested", "approval.signed", "approval.withdrawn"}
    assert sorted(listed) == sorted([*PUBLIC, TEST, *asked])


@pytest.mark.parametrize("wrong_secret", [False, True])
def test_the_receiver_of_the_page_runs(post: Post, wrong_secret: bool) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with transaction(post.engine) as session:
        url = f"http://127.0.0.1:{port}/countersign"
        made = subscriptions.add(session, post.seal, url=url, events=["approval.*"], by="ann")
    secret = plant(made.secret.get_secret_value())
    shown = f"whsec_{'A' * 43}=" if wrong_secret else secret
    environment = {**os.environ, "PORT": str(port), "WEBHOOK_SECRET": shown}
    with subprocess.Popen(
        [sys.executable, "-c", program("receiver")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        try:
            give_up = time.monotonic() + PATIENCE
            while time.monotonic() < give_up:
                with socket.socket() as knock:
                    if knock.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            approval = approved(post.engine)
            post.delivers(until=lambda: len(post.log(made.id)) >= 2)
        finally:
            running.terminate()
            said, _ = running.communicate(timeout=30)
    results = {row.result.value for row in post.log(made.id)}
    if wrong_secret:
        assert (said, results) == ("", {"failed"})
    else:
        assert said.split() == ["approval.requested", str(approval), "approval.approved", str(approval)]
        assert results == {"sent"}
