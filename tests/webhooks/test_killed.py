"""The process that delivers is killed: what was sent and is not on record is sent again under the same id."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.records.builders import pending
from tests.webhooks.conftest import Post


@pytest.mark.parametrize(("point", "times"), [("webhook.before", 1), ("webhook.after", 1), ("webhook.after", 3)])
def test_nothing_is_lost_and_a_repetition_can_be_told(
    post: Post, database_url: str, trust_dir: Path, point: str, times: int
) -> None:
    webhook, receiver = post.subscribed("approval.requested")
    for _ in range(4):
        pending(post.engine)
    post.seals()
    words = [sys.executable, "-m", "tests.webhooks.dying", database_url, str(trust_dir), point, str(times)]
    killed = subprocess.run(words, timeout=120, check=False, env=dict(os.environ))
    assert killed.returncode == -signal.SIGKILL
    sent = len(receiver.got)
    assert sent == (times if point == "webhook.after" else times - 1)
    assert len(post.log(webhook)) == times - 1
    post.delivers()
    ids = [got.id for got in receiver.got]
    if point == "webhook.after":
        # The receiver drops it by its id; the body is the same, too.
        assert ids[times - 1] == ids[times]
        assert receiver.got[times - 1].body == receiver.got[times].body
    assert len(set(ids)) == 4
    assert [got.event for got in receiver.got] == sorted(got.event for got in receiver.got)
