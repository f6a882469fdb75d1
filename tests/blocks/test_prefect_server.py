"""Blocks against a real Prefect server: registering, saving, loading, and what its API shows."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.blocks.core import Block
from prefect.blocks.notifications import SlackWebhook
from prefect.blocks.webhook import Webhook
from pydantic import SecretStr

from blocks import ChatApprovals, KubernetesCluster, NotificationChannels, SSHHosts
from blocks.loading import load_block
from blocks.notification_blocks import load_addresses
from countersign.aftermath.notifications.apprise_channel import open_service
from countersign.cli import main
from countersign.errors import ConfigurationError
from countersign.execution.channels import Channel
from tests.aftermath.notifications.conftest import receiver
from tests.aftermath.notifications.receiver import Receiver, Reply
from tests.blocks.examples import (
    CHANNELS,
    CHATS,
    CLIENT_KEY,
    CLUSTER,
    HOST_KEY,
    OTHER_KEY,
    SECRET,
    hosts,
    kubeconfig,
)
from tests.prefect_server import AUTH, login

__all__ = ["receiver"]
pytestmark = pytest.mark.stack

SECRETS = (SECRET, *(key.private.splitlines()[2] for key in (CLIENT_KEY, OTHER_KEY)))
SAVED: dict[str, tuple[type[Block], dict[str, Any]]] = {
    "with-token": (KubernetesCluster, CLUSTER),
    "with-kubeconfig": (KubernetesCluster, {"kubeconfig": kubeconfig(), "context": "green"}),
    "in-cluster": (KubernetesCluster, {"in_cluster": True}),
    "channels": (NotificationChannels, CHANNELS),
    "chats": (ChatApprovals, CHATS),
    "shared-key": (SSHHosts, hosts()),
    "own-key": (SSHHosts, hosts(private_keys={"web-1": OTHER_KEY.private}, passphrase=SECRET)),
}


@pytest.fixture(scope="module")
def api(prefect_api: str) -> str:
    """The address of a server to which the blocks were registered with Prefect's own command."""
    command = [Path(sys.executable).with_name("prefect"), "block", "register", "-m", "blocks"]
    known = {"PREFECT_API_URL": prefect_api, "PREFECT_API_AUTH_STRING": AUTH.get_secret_value()}
    subprocess.run(command, env=os.environ | known, check=True, timeout=60)
    return prefect_api


@pytest.fixture(scope="module")
def saved(api: str) -> str:
    """The same server with every block of SAVED on it."""
    for name, (kind, fields) in SAVED.items():
        kind(**fields).save(name)
    return api


def load(kind: type[Block], name: str) -> Block:
    return asyncio.run(load_block(kind, name))


def filled(block: Block) -> dict[str, Any]:
    """Return what a person filled in, with the secrets as values that compare."""
    return {name: getattr(block, name) for name in type(block).model_fields}


def documents(api: str) -> dict[str, dict[str, Any]]:
    answer = httpx.post(f"{api}/block_documents/filter", auth=login(api), json={"limit": 100}).raise_for_status()
    return {document["name"]: document for document in answer.json()}


def test_the_command_registers_every_block_type(api: str) -> None:
    for kind in (ChatApprovals, KubernetesCluster, NotificationChannels, SSHHosts):
        url = f"{api}/block_types/slug/{kind.get_block_type_slug()}"
        answer = httpx.get(url, auth=login(api)).raise_for_status().json()
        assert answer["name"] == kind.get_block_type_name()
        assert answer["description"]


def test_the_api_shows_no_secret(saved: str) -> None:
    shown = documents(saved)
    assert set(shown) >= set(SAVED)
    for name, document in shown.items():
        one = httpx.get(f"{saved}/block_documents/{document['id']}", auth=login(saved)).raise_for_status().text
        assert not [secret for secret in SECRETS if secret in one or secret in str(document)], name
    assert set(shown["with-token"]["data"]["token"]) == {"*"}
    # Prefect shows secrets to those who ask for them: the search above does find one where there is one.
    url = f"{saved}/block_documents/{shown['own-key']['id']}"
    asked = httpx.get(url, auth=login(saved), params={"include_secrets": True}).json()
    assert [secret for secret in SECRETS if secret in str(asked)] == list(SECRETS)
    assert shown["with-token"]["data"]["server"] == CLUSTER["server"]


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_block_is_loaded_as_it_was(saved: str, name: str) -> None:
    kind, fields = SAVED[name]
    assert filled(load(kind, name)) == filled(kind(**fields))


@pytest.mark.parametrize("name", SAVED)
def test_saving_a_form_with_its_secrets_hidden_keeps_them(saved: str, name: str) -> None:
    kind, fields = SAVED[name]
    document = documents(saved)[name]
    body = {"data": document["data"], "merge_existing_data": False}
    httpx.patch(f"{saved}/block_documents/{document['id']}", auth=login(saved), json=body).raise_for_status()
    assert filled(load(kind, name)) == filled(kind(**fields))


def test_a_form_saved_with_a_mistake_is_named_when_it_is_loaded(saved: str) -> None:
    document = documents(saved)["in-cluster"]
    body = {
        "name": "mistaken",
        "data": {"cluster_nmae": "production", "in_cluster": True},
        "block_type_id": document["block_type_id"],
        "block_schema_id": document["block_schema_id"],
    }
    httpx.post(f"{saved}/block_documents/", auth=login(saved), json=body).raise_for_status()
    with pytest.raises(ConfigurationError, match=r"KubernetesCluster 'mistaken' cannot be used: cluster_nmae"):
        load(KubernetesCluster, "mistaken")


def test_a_block_that_does_not_exist_is_named(api: str) -> None:
    with pytest.raises(ConfigurationError, match="KubernetesCluster 'absent' does not exist") as caught:
        load(KubernetesCluster, "absent")
    assert "Countersign: Kubernetes cluster" in (caught.value.hint or "")


def test_public_host_keys_are_shown(saved: str) -> None:
    assert documents(saved)["shared-key"]["data"]["hosts"][0]["host_keys"] == [HOST_KEY.public]


def test_a_channel_can_be_one_of_prefects_own_notification_blocks(api: str) -> None:
    SlackWebhook(url=SecretStr(f"https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{'s' * 24}")).save("ops")
    Webhook(url=SecretStr("https://example.com")).save("plain")
    found = load_addresses(["slack-webhook/ops", "slack-webhook/absent", "webhook/plain"])
    channel = Channel("ops", found["slack-webhook/ops"])
    assert open_service(channel).service_name == "Slack"
    assert "s" * 24 not in repr(found)
    for name, said in (("slack-webhook/absent", "does not exist"), ("webhook/plain", "is not a notification block")):
        error = found[name]
        assert isinstance(error, ConfigurationError) and said in error.message


def test_channels_are_listed_and_tried_by_name(
    api: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    urls = {
        "good": f"json://bot:{SECRET}@{receiver.address}/good",
        "bad": f"json://bot:{SECRET}@{receiver.address}/bad",
    }
    block = NotificationChannels(channels=[{"name": "good"}, {"name": "bad", "risks": ["high"]}], urls=urls)
    block.save("tried")
    receiver.always("/bad", Reply(401))

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["countersign", "channels", *words, "--block", "tried"])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert SECRET not in printed.out + printed.err
        return int(ended.value.code or 0), printed.out + printed.err

    code, said = run("list")
    assert code == 0 and "good" in said and "high" in said
    assert run("test", "good") == (0, "good: took a test message.\n")
    code, said = run("test")
    assert code == 1 and "bad: The service answers 401" in said and "1 of them cannot be told" in said
    assert run("test", "other")[0] == 6
    assert [one.body["title"] for one in receiver.received("/good")] == ["Test message"] * 2
