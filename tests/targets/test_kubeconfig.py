"""Which cluster, and as whom: one clear sentence for everything that cannot be right."""

import tempfile
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from countersign.errors import ConfigurationError
from countersign.targets.kubernetes.connection import ClusterSettings, connect
from countersign.targets.kubernetes.facts import check
from countersign.targets.kubernetes.kubeconfig import kubeconfig_document

TOKEN = "a-very-secret-token"


def text(**change: Any) -> SecretStr:
    document = {
        "clusters": [{"name": "c1", "cluster": {"server": "https://127.0.0.1:6443"}}],
        "users": [{"name": "u1", "user": {"token": TOKEN}}],
        "contexts": [
            {"name": "prod", "context": {"cluster": "c1", "user": "u1"}},
            {"name": "broken", "context": {"cluster": "c2", "user": "u1"}},
        ],
        "current-context": "prod",
        **change,
    }
    return SecretStr(yaml.safe_dump(document))


@pytest.mark.parametrize(
    ("given", "says", "hint"),
    [
        ({}, "neither kubeconfig", "exactly one"),
        ({"kubeconfig": text(), "in_cluster": True}, "kubeconfig and in_cluster", "exactly one"),
        ({"kubeconfig": text(), "context": "staging"}, "'staging' is not in the kubeconfig", "broken, prod"),
        ({"kubeconfig": text(), "context": "broken"}, "'c2'", "c1"),
        ({"kubeconfig": SecretStr(f"token: [{TOKEN}")}, "not readable YAML", "whole text"),
        ({"kubeconfig": SecretStr("/home/me/.kube/config")}, "no contexts", "not its path"),
        ({"kubeconfig": text(**{"current-context": ""})}, "no current context", "prod"),
        ({"in_cluster": True}, "no service account", "pod"),
        ({"server": "https://127.0.0.1:6443"}, "needs a token", "token"),
        ({"server": "127.0.0.1", "token": SecretStr(TOKEN)}, "not a URL", "https://"),
        (
            {"server": "https://h", "token": SecretStr(TOKEN), "ca_certificate": "x"},
            "not a PEM certificate",
            "BEGIN CERTIFICATE",
        ),
        ({"server": "https://h", "token": SecretStr(TOKEN), "context": "prod"}, "context belongs", "empty"),
    ],
)
def test_what_cannot_be_right_is_said_in_one_sentence(given: dict[str, Any], says: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        kubeconfig_document(ClusterSettings("production", **given))
    assert says in caught.value.message
    assert hint in str(caught.value.hint)
    assert "production" in caught.value.message
    assert TOKEN not in repr(caught.value) + str(caught.value.hint)


def test_only_the_chosen_context_is_kept() -> None:
    document = kubeconfig_document(ClusterSettings("c", kubeconfig=text(), default_namespace="shop"))
    assert document["current-context"] == "prod"
    assert [item["context"]["namespace"] for item in document["contexts"]] == ["shop"]


def test_credentials_are_not_in_the_repr() -> None:
    assert TOKEN not in repr(ClusterSettings("c", server="https://h", token=SecretStr(TOKEN)))


def test_a_closed_port_is_named() -> None:
    settings = ClusterSettings("c", server="https://127.0.0.1:1", token=SecretStr(TOKEN))
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:1: connection refused"):
        check(settings, request_timeout=2)


def test_a_client_certificate_that_is_none_is_told_and_leaves_no_file_behind(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    user = {"client-certificate-data": "eA==", "client-key-data": "eQ=="}
    settings = ClusterSettings("c", kubeconfig=text(users=[{"name": "u1", "user": user}]))
    with pytest.raises(ConfigurationError, match="certificate or key"):
        connect(settings, request_timeout=2)
    assert not any(tmp_path.rglob("*"))
