"""check() really connects: to an SSH server on this machine, and to ports where nothing answers."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from blocks import KubernetesCluster, NotificationChannels, SSHHosts
from countersign.errors import ConfigurationError
from sandbox.hosts.ports import free_port
from sandbox.hosts.standin_server import StandInServer
from tests.aftermath.notifications.conftest import receiver
from tests.aftermath.notifications.receiver import Receiver, Reply
from tests.blocks.examples import CLIENT_KEY, HOST_KEY, OTHER_KEY, SECRET, hosts

__all__ = ["receiver"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StandInServer]:
    running = StandInServer(tmp_path, host_key=HOST_KEY, client_key=CLIENT_KEY, path="/usr/bin:/bin")
    yield running
    running.close()


class _Answers(BaseHTTPRequestHandler):
    """The two questions that check() asks of an API server, for whoever has the token."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        known = self.headers.get("Authorization") == f"Bearer {SECRET}"
        failure = {"kind": "Status", "status": "Failure", "reason": "Unauthorized", "message": "Unauthorized"}
        kind = "SelfSubjectAccessReview" if self.command == "POST" else "Info"
        answer = {"kind": kind, "gitVersion": "v1.33.0", "status": {"allowed": self.path.startswith("/version")}}
        body = json.dumps(answer if known else failure).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api_server() -> Iterator[str]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()
    thread.join()


def test_a_cluster_that_answers_passes_and_says_what_the_user_may_do(api_server: str) -> None:
    said = KubernetesCluster(cluster_name="production", server=api_server, token=SECRET).check()
    assert said.startswith(f"production: Kubernetes v1.33.0 at {api_server.removeprefix('http://')} answers")
    assert "may not patch Deployments in default" in said


def test_a_cluster_that_refuses_the_token_says_so_without_it(api_server: str) -> None:
    with pytest.raises(ConfigurationError, match="cluster 'production'") as caught:
        KubernetesCluster(cluster_name="production", server=api_server, token=SECRET + "-old").check()
    assert SECRET not in str(caught.value)
    assert "token" in (caught.value.hint or "")


def test_hosts_that_let_us_in_pass(server: StandInServer) -> None:
    block = SSHHosts(**hosts(server.port, user=server.user))
    assert block.check() == "default: every host (1) shows its pinned key and accepts the login."


def test_each_host_that_does_not_work_is_named_with_its_reason(server: StandInServer) -> None:
    def host(name: str, port: int, key: str) -> dict[str, object]:
        return {"name": name, "address": "127.0.0.1", "port": port, "host_keys": [key]}

    block = SSHHosts(
        user=server.user,
        private_key=CLIENT_KEY.private,
        private_keys={"stranger": OTHER_KEY.private},
        hosts=[
            host("good", server.port, HOST_KEY.public),
            host("changed", server.port, OTHER_KEY.public),
            host("stranger", server.port, HOST_KEY.public),
            host("absent", free_port(), HOST_KEY.public),
        ],
    )
    with pytest.raises(ConfigurationError, match="3 of 4 hosts cannot be used") as caught:
        block.check()
    said = caught.value.message
    assert "changed (127.0.0.1" in said and "not the pinned one" in said
    assert "stranger (127.0.0.1" in said and "refuses the user" in said
    assert "absent (127.0.0.1" in said and "cannot be reached" in said
    assert "good" not in said


def test_a_cluster_where_nothing_answers_is_a_sentence_without_the_token() -> None:
    block = KubernetesCluster(cluster_name="production", server=f"https://127.0.0.1:{free_port()}", token=SECRET)
    with pytest.raises(ConfigurationError, match="cluster 'production'") as caught:
        block.check()
    assert SECRET not in str(caught.value)
    assert caught.value.hint


def test_channels_that_take_a_test_message_pass(receiver: Receiver) -> None:
    block = channels(receiver, "one", "two", telegram_token=SECRET, telegram_api=f"http://{receiver.address}")
    assert block.check() == "All 2 channels took a test message. The bot @card_bot replies on cards."
    assert len(receiver.received("/one")) == len(receiver.received("/two")) == 1


def test_each_channel_that_does_not_work_is_named_with_its_reason(receiver: Receiver) -> None:
    receiver.always("/closed", Reply(403))
    receiver.always("/getMe", Reply(401, {"ok": False, "description": "Unauthorized"}))
    block = channels(receiver, "open", "closed", telegram_token=SECRET, telegram_api=f"http://{receiver.address}")
    with pytest.raises(ConfigurationError, match="closed: The service answers 403") as caught:
        block.check()
    assert "Telegram bot: The service answers 401" in caught.value.message
    assert SECRET not in str(caught.value) and "open:" not in caught.value.message


def channels(receiver: Receiver, *names: str, **fields: str) -> NotificationChannels:
    urls = {name: f"json://bot:{SECRET}@{receiver.address}/{name}" for name in names}
    return NotificationChannels(channels=[{"name": name} for name in names], urls=urls, **fields)
