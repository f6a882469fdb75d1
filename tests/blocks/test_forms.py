"""Filling the blocks in: what is accepted, and the sentence for each mistake."""

from typing import Any

import pytest
from prefect.blocks.core import Block
from pydantic import SecretStr, ValidationError

import blocks
from blocks import ChatApprovals, KubernetesCluster, NotificationChannels, SSHHosts
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

KINDS: list[type[Block]] = [getattr(blocks, name) for name in blocks.__all__]


def mistake(kind: type[Block], **fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        kind(**fields)
    assert SECRET not in str(caught.value)
    assert "PRIVATE KEY-----\\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_a_form_says_what_it_is(kind: type[Block]) -> None:
    schema = kind.model_json_schema()
    forms = [schema, *schema.get("definitions", {}).values(), *schema.get("$defs", {}).values()]
    for form in forms:
        for name, field in form["properties"].items():
            assert field.get("title"), name
    for name, field in kind.model_fields.items():
        if name != "hosts":
            assert field.description, name
    assert kind.get_block_type_name().startswith("Countersign: ")
    assert kind.get_description()


@pytest.mark.parametrize(("kind", "name"), [(KubernetesCluster, "kubeconfig"), (SSHHosts, "private_key")])
def test_a_secret_of_several_lines_is_not_put_into_a_field_of_one_line(kind: type[Block], name: str) -> None:
    schema = kind.model_json_schema()
    assert "password" not in str(schema["properties"][name])
    assert name in schema["secret_fields"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "gives neither kubeconfig, in_cluster nor server; give exactly one"),
        ({"kubeconfig": kubeconfig(), "server": "https://x", "token": SECRET}, "gives kubeconfig and server"),
        ({"in_cluster": True, "kubeconfig": kubeconfig()}, "in_cluster and kubeconfig are given"),
        ({"in_cluster": True, "token": SECRET}, "in_cluster and token are given"),
        ({"kubeconfig": kubeconfig(), "token": SECRET}, "token and ca_certificate need a server"),
        ({"kubeconfig": f"a: [{SECRET}"}, "is not readable YAML (line 1)"),
        ({"kubeconfig": "/root/.kube/config"}, "paste a kubeconfig file's text, not its path"),
        (
            {"kubeconfig": kubeconfig(), "context": "red"},
            "'red' is not in the kubeconfig; known contexts: blue, green",
        ),
        ({"kubeconfig": kubeconfig(user="nobody")}, "names the user 'nobody'"),
        ({"server": "https://x"}, "server needs a token"),
        ({"server": "x:6443", "token": SECRET}, "'x:6443' is not a URL"),
        (CLUSTER | {"ca_certificate": "MIIB"}, "not a PEM certificate"),
        (CLUSTER | {"allowed_namespaces": ["prod"]}, "'default' is not among allowed_namespaces"),
        (CLUSTER | {"kubecofnig": SECRET}, "kubecofnig"),
    ],
)
def test_a_mistake_in_a_cluster_is_said_when_it_is_made(fields: dict[str, Any], said: str) -> None:
    assert said in mistake(KubernetesCluster, **fields)


def test_a_cluster_gives_the_target_its_settings() -> None:
    settings = KubernetesCluster(kubeconfig=kubeconfig(), context="green", server="", token=" ").settings()
    assert settings.kubeconfig == SecretStr(kubeconfig())
    assert (settings.context, settings.server, settings.token) == ("green", None, None)
    settings = KubernetesCluster(**CLUSTER, default_namespace="prod", allowed_namespaces=["prod"]).settings()
    assert (settings.name, settings.default_namespace, settings.allowed_namespaces) == (
        "production",
        "prod",
        ("prod",),
    )
    assert KubernetesCluster(in_cluster=True).settings().in_cluster


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (hosts(hosts=[]), "hosts"),
        (hosts(private_key=None), "there is no private key for 'web-1'"),
        (hosts(private_key=SECRET), "private_key of web-1 cannot be read"),
        (hosts(private_keys={"web-2": CLIENT_KEY.private}), "'web-2', which is not among the hosts"),
        (hosts(private_keys={"web-1": 7}), "is not text"),
        (hosts(hosts=[{"name": "a", "host_keys": []}]), "host_keys"),
        (hosts(hosts=[{"name": "a", "host_keys": ["ssh-ed25519 AAAA"]}]), "host_keys of 'a': this is not a host key"),
        (hosts(hosts=[{"name": "a", "host_keys": ["SHA256:abc"]}]), "host_keys of 'a': this is not a host key"),
        (hosts(hosts=[{"name": "a", "host_keys": [HOST_KEY.public]}] * 2), "is used twice"),
        (hosts(hosts=[{"name": "a", "host_keys": [HOST_KEY.public], "jump": "b"}]), "jumps through 'b'"),
        (hosts(hosts=[{"name": "a", "host_keys": [HOST_KEY.public], "prot": 1}]), "prot"),
    ],
)
def test_a_mistake_in_a_fleet_is_said_when_it_is_made(fields: dict[str, Any], said: str) -> None:
    assert said in mistake(SSHHosts, **fields)


def test_a_fleet_gives_the_target_its_settings() -> None:
    two = [
        {"name": "web-1", "host_keys": [HOST_KEY.public + " root@web-1"], "groups": ["web"]},
        {"name": "db-1", "host_keys": [HOST_KEY.public], "address": "10.0.0.9", "user": "ops", "jump": "web-1"},
    ]
    fleet = SSHHosts(**hosts(hosts=two, private_keys={"db-1": OTHER_KEY.private}, user="deploy")).settings()
    web, database = fleet.hosts
    assert (web.address, web.user, web.private_key) == ("web-1", "deploy", SecretStr(CLIENT_KEY.private))
    assert (database.address, database.user, database.private_key) == (
        "10.0.0.9",
        "ops",
        SecretStr(OTHER_KEY.private),
    )


@pytest.mark.parametrize(
    ("kind", "fields", "secret"),
    [
        (KubernetesCluster, CLUSTER, SECRET),
        (KubernetesCluster, {"kubeconfig": kubeconfig()}, SECRET),
        (NotificationChannels, CHANNELS, SECRET),
        (ChatApprovals, CHATS, SECRET),
        (SSHHosts, hosts(), CLIENT_KEY.private.splitlines()[2]),
        (SSHHosts, hosts(private_keys={"web-1": OTHER_KEY.private}), OTHER_KEY.private.splitlines()[2]),
    ],
    ids=["server", "kubeconfig", "channels", "chats", "hosts", "one-host"],
)
def test_no_secret_is_in_what_a_block_prints(kind: type[Block], fields: dict[str, Any], secret: str) -> None:
    block = kind(**fields)
    settings = block.settings()  # type: ignore[attr-defined]
    for shown in (repr(block), str(block), str(block.model_dump()), block.model_dump_json(), repr(settings)):
        assert secret not in shown


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"slack_token": SECRET}, "slack lacks a part"),
        (CHATS | {"discord_server": " "}, "discord lacks a part"),
        (CHATS | {"telegram_token": ""}, "is in telegram, which has no token"),
        (CHATS | {"chats": [CHATS["chats"][0]] * 2}, "listed twice"),
        (CHATS | {"slack_api": "slack.com"}, "slack_api is no address"),
        (CHATS | {"discord_public_key": "0" * 63}, "discord_public_key"),
    ],
)
def test_chats_that_cannot_be_right_are_refused(fields: dict[str, Any], said: str) -> None:
    assert said in mistake(ChatApprovals, **fields)


def test_chats_give_the_apps_their_settings() -> None:
    settings = ChatApprovals(**CHATS).settings()
    assert [(chat.service, chat.id, sorted(chat.risks)) for chat in settings.chats] == [
        ("slack", "C0OPS", ["low"]),
        ("telegram", "-1001", []),
    ]
    assert settings.slack is not None and settings.discord is not None and settings.telegram is not None
    assert (settings.slack.workspace, settings.discord.workspace) == ("T0SPACE", "290926798626357999")
    assert ChatApprovals().settings().slack is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (CHANNELS | {"urls": {"on-call": f"slack://{SECRET}"}}, "'audit' has neither an address nor a Prefect block"),
        (CHANNELS | {"urls": CHANNELS["urls"] | {"oncall": f"slack://{SECRET}"}}, "an address for 'oncall'"),
        (CHANNELS | {"urls": CHANNELS["urls"] | {"audit": SECRET}}, "what 'audit' has is not an address"),
        (CHANNELS | {"urls": CHANNELS["urls"] | {"audit": 5}}, "what 'audit' has is not an address"),
        ({"channels": [{"name": "a"}, {"name": "a"}]}, "there is another channel called 'a'"),
        ({"channels": [{"name": "card"}]}, "there is another channel called 'card'"),
        ({"channels": [{"name": "a", "prefect_block": "ops"}]}, "not a block's type and name"),
        (
            {"channels": [{"name": "a", "prefect_block": "x/y"}], "urls": {"a": f"x://{SECRET}"}},
            "both an address and",
        ),
        ({"channels": [{"name": "a", "prefect_block": "x/y", "outcomes": ["fail"]}]}, "'fail' is none; there are"),
        ({"channels": [{"name": "a", "prefect_block": "x/y", "risks": ["huge"]}]}, "risks"),
        ({"telegram_api": "api.telegram.org"}, "telegram_api is not a URL"),
        ({"telegram_api": "http://127.0.0.1:99999"}, "telegram_api has a port that is not"),
        ({"telegram_api": "http://127.0.0.1:0"}, "telegram_api has a port that is not"),
        ({"telegram_api": f"http://{SECRET}:abc"}, "telegram_api is not a URL"),
        ({"telegram_api": "https://"}, "telegram_api names no host"),
        ({"telegram_api": "https://api..org"}, "telegram_api names no host"),
    ],
)
def test_a_mistake_in_the_channels_is_said_when_it_is_made(fields: dict[str, Any], said: str) -> None:
    assert said in mistake(NotificationChannels, **fields)


def test_channels_give_the_steps_their_settings() -> None:
    settings = NotificationChannels(**CHANNELS).settings()
    on_call, audit = settings.channels
    assert on_call.is_told(risk="high", outcome="failed")
    assert not on_call.is_told(risk="low", outcome="failed")
    assert not on_call.is_told(risk="high", outcome="success")
    assert audit.is_told(risk="low", outcome="success")
    assert (audit.language, audit.format) == ("zh-TW", "plain")
    assert settings.bot is not None and settings.bot.token == SecretStr(SECRET)
    assert NotificationChannels().settings().bot is None
