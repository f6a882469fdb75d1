"""May edit a KubernetesCluster block: has the worker run programs, send its files, or believe another server."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr, ValidationError

from blocks import KubernetesCluster
from blocks.loading import _invalid
from blocks.mounted import mounted_secret
from countersign.errors import BlockRefused, ConfigurationError
from countersign.execution.clusters import only
from countersign.targets.kubernetes.connection import connect
from countersign.targets.kubernetes.facts import check
from countersign.targets.kubernetes.investigate import run_investigation
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from tests.attacks.conftest import Office, audited

REFUSED = r"refused|not allowed"
FILES = ("certificate-authority", "client-certificate", "client-key")


class Attacker:
    """A server of the attacker's that keeps what it is sent."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                heard.append(f"{self.path} {self.headers.get('Authorization')}")
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"{}")

            do_POST = do_CONNECT = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def attacker() -> Iterator[Attacker]:
    made = Attacker()
    yield made
    made.server.shutdown()
    made.server.server_close()


def kubeconfig(server: str, *, user: dict[str, Any], **cluster: Any) -> str:
    return yaml.safe_dump(
        {
            "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )


def past_the_form(text: str) -> ClusterSettings:
    """Return what the block means where it was written into Prefect's database, past the form's checks."""
    return KubernetesCluster.model_construct(
        cluster_name="production",
        kubeconfig=SecretStr(text),
        kubeconfig_file=None,
        token_file=None,
        context=None,
        server=None,
        token=None,
        ca_certificate=None,
        in_cluster=False,
        default_namespace="default",
        allowed_namespaces=[],
    ).settings()


def refused(text: str) -> None:
    """Fail unless the form refuses the kubeconfig, and so does everything that would use it."""
    for given in (text, "# comment\n" + text, json.dumps(yaml.safe_load(text))):
        with pytest.raises(ValidationError, match=REFUSED):
            KubernetesCluster(cluster_name="production", kubeconfig=given)
        settings = past_the_form(given)
        with pytest.raises(ConfigurationError, match=REFUSED), connect(settings, request_timeout=2):
            pass
        with pytest.raises(ConfigurationError, match=REFUSED):
            check(settings)
        with pytest.raises(ConfigurationError, match=REFUSED):
            run_investigation(settings, ["get", "pods"], timeout=10)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_block_runs_no_program(tmp_path: Path, attacker: Attacker, version: str) -> None:
    marker = tmp_path / "ran"
    plugin = {"apiVersion": f"client.authentication.k8s.io/{version}", "command": "/bin/sh"}
    refused(kubeconfig(attacker.url, user={"exec": {**plugin, "args": ["-c", f"touch {marker}"]}}))
    refused(kubeconfig(attacker.url, user={"token": "t", "exec": {**plugin, "command": f"/usr/bin/touch {marker}"}}))
    refused(kubeconfig(attacker.url, user={"auth-provider": {"name": "gcp", "config": {"cmd-path": "/bin/sh"}}}))
    assert not marker.exists()
    assert attacker.heard == []


def test_a_block_sends_no_file_of_the_worker(tmp_path: Path, attacker: Attacker) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2-of-the-worker")
    refused(kubeconfig(attacker.url, user={"tokenFile": str(secret)}))
    refused(kubeconfig(attacker.url, user={"tokenFile": str(secret), "token": "t"}))
    assert attacker.heard == []


@pytest.mark.parametrize("name", FILES)
def test_a_block_reads_no_certificate_or_key_of_the_worker(tmp_path: Path, attacker: Attacker, name: str) -> None:
    secret = tmp_path / "key.pem"
    secret.write_text("-----BEGIN PRIVATE KEY-----\n")
    where = {name: str(secret)}
    text = (
        kubeconfig(attacker.url, user={"token": "t"}, **where)
        if name == "certificate-authority"
        else kubeconfig(attacker.url, user={"token": "t", **where})
    )
    refused(text)
    assert attacker.heard == []


def test_a_block_sends_nothing_through_another_proxy(attacker: Attacker) -> None:
    for scheme in ("http://", "socks5://", "https://"):
        proxy = attacker.url.replace("http://", scheme)
        refused(kubeconfig("https://10.0.0.1:6443", user={"token": "t"}, **{"proxy-url": proxy}))
    assert attacker.heard == []


@pytest.mark.parametrize("value", [True, "true", 1])
def test_a_block_believes_no_server_without_a_certificate(attacker: Attacker, value: Any) -> None:
    server = attacker.url.replace("http://", "https://")
    refused(kubeconfig(server, user={"token": "t"}, **{"insecure-skip-tls-verify": value}))
    assert attacker.heard == []


@pytest.mark.parametrize("name", ["as", "as-groups", "as-uid", "as-user-extra"])
def test_a_block_acts_as_nobody_else(attacker: Attacker, name: str) -> None:
    refused(kubeconfig(attacker.url, user={"token": "t", name: ["system:masters"]}))
    assert attacker.heard == []


@pytest.mark.parametrize(
    "user", [{"exec": {"apiVersion": "v1", "command": "/bin/sh"}}, {"tokenFile": "/etc/shadow"}, {"as": "admin"}]
)
def test_a_run_with_such_a_block_does_not_begin_and_is_told_of_once(
    office: Office, attacker: Attacker, user: dict[str, Any]
) -> None:
    approval = office.approved("kubectl annotate deployment/web note=block -n prod --overwrite")
    evil = replace(past_the_form(kubeconfig(attacker.url, user=user)), name="sandbox")
    there = replace(office, services=replace(office.services, clusters=only(evil)))
    for _ in range(2):  # it is tried again as long as the approval waits
        with pytest.raises(BlockRefused, match=REFUSED):
            there.run(approval)
    assert audited(office, approval).count("worker:block:refused") == 1
    assert attacker.heard == [] and not office.cluster.log.mutations()


@pytest.mark.parametrize("name", ["../../etc/shadow", "/etc/shadow", "", "link"])
def test_a_block_names_no_file_outside_of_the_mounted_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (tmp_path / "other").write_text("hunter2-of-the-worker")
    (folder / "link").symlink_to(tmp_path / "other")
    monkeypatch.setenv("COUNTERSIGN_SECRETS_DIR", str(folder))
    with pytest.raises(BlockRefused, match="not in the folder of mounted secrets"):
        mounted_secret(name, field="kubeconfig_file")


def test_what_the_form_refuses_is_refused_as_such_when_the_block_is_loaded(attacker: Attacker) -> None:
    text = kubeconfig(attacker.url, user={"exec": {"apiVersion": "v1", "command": "/bin/sh"}})
    with pytest.raises(ValidationError) as caught:
        KubernetesCluster(cluster_name="production", kubeconfig=text)
    assert isinstance(_invalid("the block", caught.value), BlockRefused)
    with pytest.raises(ValidationError) as caught:
        KubernetesCluster(cluster_name="production", server="10.0.0.1", token="t")
    assert not isinstance(_invalid("the block", caught.value), BlockRefused)
