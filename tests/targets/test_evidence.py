"""Evidence: snapshots without secrets, and what read-only kubectl prints."""

import json
import os
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from countersign.actions.operation import NoParameters, SetEnvParameters, Verb
from countersign.errors import PolicyRefused
from countersign.targets.kubernetes import investigate
from countersign.targets.kubernetes.connection import ClusterSettings
from countersign.targets.kubernetes.facts import check
from countersign.targets.kubernetes.investigate import OUTPUT_LIMIT, TIMED_OUT, run_investigation
from tests.targets.cluster import Cluster


@pytest.mark.contract
def test_a_snapshot_shows_pods_and_no_values(cluster: Cluster) -> None:
    cluster.workload(replicas=1)
    parameters = SetEnvParameters((("PASSWORD", "hunter2"),))
    plan = cluster.perform(cluster.operation(Verb.SET_ENV, "Deployment", "api", parameters=parameters))
    cluster.settled("Deployment", "api")
    (facts,) = cluster.target.observe(plan).objects.values()
    assert facts["containers"] == [{"name": "app", "image": "app:1", "env": ["PASSWORD"]}]
    assert facts["status"]["readyReplicas"] == 1
    assert [pod["ready"] for pod in facts["pods"] if not pod["terminating"]] == [True]
    assert "hunter2" not in json.dumps(facts)
    assert not any("hunter2" in step.title for step in plan.steps)


@pytest.mark.contract
def test_a_snapshot_of_what_is_gone_says_so(cluster: Cluster) -> None:
    cluster.workload()
    plan = cluster.plan(cluster.operation(Verb.RESTART, "Deployment", "api", parameters=NoParameters()))
    cluster.write("DELETE", cluster.path("Deployment", "api"), None, what="somebody")
    assert list(cluster.target.observe(plan).objects.values()) == [{"exists": False}]


@pytest.mark.contract
def test_the_check_connects(cluster: Cluster) -> None:
    facts = check(cluster.settings())
    assert facts.version.startswith("v1.")
    assert facts.server_host.startswith("127.0.0.1:")
    assert facts.can_patch is not False


@pytest.mark.contract
def test_kubectl_reads_the_default_namespace(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cluster.workload(name="seen")
    found = run_investigation(
        cluster.settings(kubeconfig=cluster.direct), ["get", "deployments", "-o", "name"], timeout=20
    )
    assert (found.exit_code, found.stdout.strip(), found.truncated) == (0, "deployment.apps/seen", False)
    assert not any(tmp_path.iterdir())


@pytest.mark.contract
def test_a_failing_command_is_evidence_too(cluster: Cluster) -> None:
    found = run_investigation(
        cluster.settings(kubeconfig=cluster.direct), ["get", "deployment", "no-such"], timeout=20
    )
    assert found.exit_code == 1
    assert "not found" in found.stderr


@pytest.mark.contract
def test_another_namespace_is_not_read(cluster: Cluster) -> None:
    settings = cluster.settings(kubeconfig=cluster.direct, allowed_namespaces=(cluster.namespace,))
    with pytest.raises(PolicyRefused):
        run_investigation(settings, ["get", "pods", "-A"], timeout=20)
    assert run_investigation(settings, ["get", "pods"], timeout=20).exit_code == 0


# A first line with the interpreter's path would end at a blank in it.
PROGRAM = """#!/bin/sh
"exec" "{python}" "$0" "$@"
import os, sys, time
{body}
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in kubectl's place, to see how it is run."""
    program = tmp_path / "kubectl"
    monkeypatch.setattr(investigate, "kubectl_path", lambda: program)
    return program


def runs(program: Path, body: str) -> None:
    program.write_text(PROGRAM.format(python=sys.executable, body=body))
    program.chmod(0o755)


SETTINGS = ClusterSettings("c", server="https://127.0.0.1:1", token=SecretStr("a-very-secret-token"))


def test_a_hanging_command_dies_with_its_children(stand_in: Path, tmp_path: Path) -> None:
    runs(stand_in, "pid = os.fork()\nprint(os.getpid(), flush=True)\ntime.sleep(600)")
    found = run_investigation(SETTINGS, ["get", "pods"], timeout=0.5)
    assert found.exit_code == TIMED_OUT
    assert "stopped after 0.5 s" in found.stderr
    for pid in map(int, found.stdout.split()):
        state = Path(f"/proc/{pid}/stat")
        assert not state.exists() or state.read_text().split()[2] == "Z"


def test_endless_output_is_cut_and_odd_bytes_are_kept_readable(stand_in: Path) -> None:
    runs(stand_in, "sys.stdout.buffer.write(b'\\xff' + b'x' * 1_000_000)")
    found = run_investigation(SETTINGS, ["get", "pods"], timeout=20)
    assert found.truncated
    assert found.stdout.startswith("\ufffdxxx")
    assert len(found.stdout) == OUTPUT_LIMIT


def test_the_token_is_in_a_private_file_and_nowhere_else(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_SIGNING_KEY", "another-secret")
    monkeypatch.setenv("HOME", "/root")
    runs(
        stand_in,
        "path = os.environ['KUBECONFIG']\n"
        "print(sys.argv[1:], sorted(os.environ), oct(os.stat(path).st_mode & 0o777), os.environ['HOME'])\n"
        "print('a-very-secret-token' in open(path).read(), file=sys.stderr)",
    )
    found = run_investigation(SETTINGS, ["get", "pods", "; rm -rf /"], timeout=20)
    assert found.stderr.strip() == "True"
    assert "0o600" in found.stdout
    assert "; rm -rf /" in found.stdout
    assert "COUNTERSIGN" not in found.stdout
    assert "secret" not in found.stdout
    assert "/root" not in found.stdout
    assert os.environ["HOME"] == "/root"
