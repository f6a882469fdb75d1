"""Has a hand on the worker's surroundings or its block: variables, programs on the path, fields of kubeconfigs."""

import os
import stat
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from countersign.targets.kubernetes.investigate import run_investigation
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from sandbox.cluster import SandboxCluster


def settings_with(cluster: SandboxCluster, **user: object) -> ClusterSettings:
    """Return the sandbox's kubeconfig with more fields for its user."""
    document = yaml.safe_load(cluster.kubeconfig)
    document["users"][0]["user"].update(user)
    return ClusterSettings(name="sandbox", kubeconfig=SecretStr(yaml.safe_dump(document)))


def program(file: Path, marker: Path) -> Path:
    file.write_text(f"#!/bin/sh\ntouch {marker}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def test_no_program_on_the_path_and_no_variable_gets_into_kubectl(
    running_cluster: SandboxCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "ran"
    for name in ("kubectl", "kubectl-get", "kubectl-pods", "diff", "less"):
        program(tmp_path / name, marker)
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    evil = {"apiVersion": "kubectl.config.k8s.io/v1beta1", "kind": "Preference"}
    evil["aliases"] = [{"name": "get", "command": "delete"}]  # type: ignore[assignment]
    (home / ".kube" / "kuberc").write_text(yaml.safe_dump(evil))
    (home / ".kube" / "config").write_text("not: a config\n")
    for name, value in {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "HOME": str(home),
        "KUBECONFIG": str(home / ".kube" / "config"),
        "KUBERC": str(home / ".kube" / "kuberc"),
        "KUBECTL_KUBERC": "true",
        "KUBECTL_EXTERNAL_DIFF": str(tmp_path / "diff"),
        "PAGER": str(tmp_path / "less"),
        "KUBECTL_KYAML": "true",
        "GODEBUG": "http2debug=2",
        "SSLKEYLOGFILE": str(tmp_path / "keys"),
    }.items():
        monkeypatch.setenv(name, value)
    found = run_investigation(settings_with(running_cluster), ["get", "pods", "-n", "prod", "-o", "name"], timeout=60)
    assert found.exit_code == 0, found.stderr
    assert "pod/" in found.stdout and "http2" not in found.stderr
    assert not marker.exists() and not (tmp_path / "keys").exists()


@pytest.mark.parametrize("name", ["Exec", "EXEC", "auth_provider", "authProvider", "Auth-Provider"])
def test_no_other_spelling_of_a_field_runs_a_program(
    running_cluster: SandboxCluster, tmp_path: Path, name: str
) -> None:
    """Go reads the names of JSON's fields in any case, unless it is told not to."""
    marker = tmp_path / "ran"
    evil = program(tmp_path / "evil", marker)
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(evil),
        "interactiveMode": "Never",
        "name": "gcp",
        "config": {"cmd-path": str(evil)},
    }
    run_investigation(settings_with(running_cluster, **{name: plugin}), ["get", "pods", "-n", "prod"], timeout=60)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["Token-File", "TokenFile", "tokenfile", "AS", "Impersonate"])
def test_no_other_spelling_of_a_field_sends_a_file_or_acts_as_another(
    running_cluster: SandboxCluster, tmp_path: Path, name: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of-the-worker")
    found = run_investigation(
        settings_with(running_cluster, **{name: str(secret)}), ["auth", "whoami", "-o", "yaml"], timeout=60
    )
    assert str(secret) not in found.stdout + found.stderr
