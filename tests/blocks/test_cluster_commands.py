"""`countersign clusters` on a real Prefect server: what is saved can be used, and no secret is ever printed."""

import asyncio
import json
import sys
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine, text

from blocks import KubernetesCluster
from blocks.clusters import load_clusters
from blocks.loading import load_block
from countersign.cli import main
from countersign.execution.clusters import Clusters
from countersign.records.database.engine import transaction
from countersign.settings import load_settings
from sandbox.cluster import SandboxCluster
from tests.planted import plant
from tests.records.builders import owned

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxCluster]:
    with SandboxCluster() as cluster:
        plant(cluster.token)
        yield cluster


@pytest.fixture
def file(running: SandboxCluster, tmp_path: Path) -> Path:
    """A kubeconfig with two contexts; the sandbox's authority is in a file beside it."""
    document = yaml.safe_load(running.kubeconfig)
    authority = document["clusters"][0]["cluster"].pop("certificate-authority-data")
    (tmp_path / "ca.crt").write_bytes(b64decode(authority))
    document["clusters"][0]["cluster"]["certificate-authority"] = "ca.crt"
    web = {"cluster": "sandbox", "user": "sandbox", "namespace": "prod"}
    document["contexts"].append({"name": "web", "context": web})
    document["users"].append({"name": "other", "user": {"token": "hunter2-of-another-cluster"}})
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(document))
    return path


@dataclass
class Command:
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, *words: str) -> tuple[int, str]:
        """Run `countersign clusters …`; return the exit code and everything printed."""
        self.monkeypatch.setattr(sys, "argv", ["countersign", "clusters", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = self.capsys.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err


@pytest.fixture
def clusters(
    prefect_api: str,
    database_url: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Command]:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)
    monkeypatch.setenv("COUNTERSIGN_STATE_DIR", str(tmp_path / "no-stack"))
    command = Command(capsys, monkeypatch)
    yield command
    for one in json.loads(command("list", "--json")[1]):
        command("remove", one["name"], "--yes")


def known() -> Clusters:
    return asyncio.run(load_clusters(load_settings()))


def test_a_cluster_is_connected_listed_checked_and_removed(
    clusters: Command, file: Path, running: SandboxCluster
) -> None:
    assert clusters("list")[1].startswith("No cluster is connected.")
    assert clusters("check")[0] == 3
    code, said = clusters("add", "production", "--kubeconfig", file)
    host = running.url.removeprefix("https://")
    assert code == 0, said
    assert f"at {host} answers (context sandbox, namespace default)" in said
    assert "production is connected, and the default cluster." in said
    assert known().the_default().name == "production"
    code, said = clusters("check", "production")
    assert code == 0 and "may patch Deployments in default" in said
    code, said = clusters("list")
    assert code == 0 and "production" in said and host in said
    assert clusters("remove", "production", "--yes") == (
        0,
        "production is removed.\n"
        "It was the default cluster: choose another with `countersign clusters default NAME`.\n",
    )
    assert known().names == ()


def test_only_the_chosen_context_is_saved_with_its_files_inside(clusters: Command, file: Path) -> None:
    assert clusters("add", "eu.prod", "--kubeconfig", file, "--context", "web")[0] == 0
    block = asyncio.run(load_block(KubernetesCluster, "eu-prod"))
    assert (block.cluster_name, block.default_namespace) == ("eu.prod", "prod"), "the context's own namespace"
    assert block.kubeconfig is not None
    saved = yaml.safe_load(block.kubeconfig.get_secret_value())
    assert "hunter2" not in str(saved)
    assert [context["name"] for context in saved["contexts"]] == ["web"]
    assert "certificate-authority-data" in saved["clusters"][0]["cluster"]
    file.with_name("ca.crt").unlink()
    assert clusters("check", "eu.prod")[0] == 0


def test_a_token_takes_the_place_of_the_contexts_user(
    clusters: Command, file: Path, running: SandboxCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user may have what no setting allows, and none of it is kept."""
    document = yaml.safe_load(file.read_text())
    document["users"][0]["user"] = {"exec": {"command": "hunter2-plugin", "apiVersion": "x"}, "password": "hunter2"}
    file.write_text(yaml.safe_dump(document))
    monkeypatch.setattr("sys.stdin", StringIO(f"{running.token}\n"))
    code, said = clusters("add", "production", "--kubeconfig", file, "--token", "-")
    assert code == 0, said
    block = asyncio.run(load_block(KubernetesCluster, "production"))
    assert block.kubeconfig is not None
    saved = yaml.safe_load(block.kubeconfig.get_secret_value())
    assert "hunter2" not in str(saved)
    assert [user["user"] for user in saved["users"]] == [{"token": running.token}]


@pytest.mark.parametrize(
    ("given", "words", "says"),
    [
        ("", ("--token", "-"), "is no token"),
        ("two words", ("--token", "-"), "is no token"),
        ("x", ("--token", "nowhere"), "--token: nowhere cannot be read"),
        ("x", ("--token", "-", "--context", "wbe"), "known contexts: sandbox, web"),
        ("hunter2-of-nobody", ("--token", "-"), "Unauthorized"),
    ],
)
def test_a_token_that_cannot_work_is_refused(
    clusters: Command, file: Path, monkeypatch: pytest.MonkeyPatch, given: str, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(given))
    code, said = clusters("add", "production", "--kubeconfig", file, *words)
    assert code in (2, 3) and says in said, said
    assert known().names == ()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--context", "wbe"), 3, "known contexts: sandbox, web"),
        (("--namespace", "nowhere"), 3, "'nowhere' does not exist there"),
        (("--namespace", "prod", "--allow-namespace", "staging"), 2, "not among the namespaces that are allowed"),
    ],
)
def test_what_cannot_work_is_refused_and_not_saved(
    clusters: Command, file: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    found, said = clusters("add", "production", "--kubeconfig", file, *words)
    assert (found, says in said) == (code, True), said
    assert known().names == ()


def test_a_kubeconfig_that_is_none_is_refused(clusters: Command, tmp_path: Path, file: Path) -> None:
    assert clusters("add", "a", "--kubeconfig", tmp_path / "absent")[0] == 2
    (tmp_path / "prose").write_text("this is prose")
    assert "has no contexts" in clusters("add", "a", "--kubeconfig", tmp_path / "prose")[1]
    file.write_text(file.read_text().replace("ca.crt", "gone.crt"))
    code, said = clusters("add", "a", "--kubeconfig", file)
    assert code == 2 and "gone.crt cannot be read" in said and "--flatten" in said
    document = yaml.safe_load(file.read_text())
    document["users"][0]["user"]["token"] = "hunter2-wrong"
    document["clusters"][0]["cluster"].pop("certificate-authority")
    file.write_text(yaml.safe_dump(document))
    code, said = clusters("add", "a", "--kubeconfig", file)
    assert code == 3 and "certificate" in said
    assert known().names == ()


def test_a_name_is_taken_once_and_replaced_on_request(clusters: Command, file: Path) -> None:
    assert clusters("add", "production", "--kubeconfig", file)[0] == 0
    code, said = clusters("add", "production", "--kubeconfig", file, "--context", "web")
    assert code == 2 and "--replace" in said
    assert clusters("add", "Production", "--kubeconfig", file)[0] == 2, "both would be the block production"
    assert clusters("add", "production", "--kubeconfig", file, "--context", "web", "--replace")[0] == 0
    assert known().named("production").default_namespace == "prod"
    assert clusters("add", "pro/duction", "--kubeconfig", file)[0] == 2


def test_one_is_the_default_until_another_is_chosen(
    clusters: Command, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert clusters("add", "blue", "--kubeconfig", file)[0] == 0
    code, said = clusters("add", "green", "--kubeconfig", file)
    assert code == 0 and "--cluster green; the default cluster is blue" in said
    assert known().the_default().name == "blue"
    assert clusters("default", "green") == (0, "green is the default cluster now.\n")
    assert known().the_default().name == "green"
    code, said = clusters("default", "gren")
    assert code == 6 and "did you mean green?" in said
    monkeypatch.setenv("COUNTERSIGN_CLUSTER_BLOCK", "blue")
    assert known().the_default().name == "blue"
    code, said = clusters("add", "red", "--kubeconfig", file, "--default")
    assert code == 2 and "COUNTERSIGN_CLUSTER_BLOCK" in said
    monkeypatch.delenv("COUNTERSIGN_CLUSTER_BLOCK")
    assert clusters("add", "red", "--kubeconfig", file, "--default")[0] == 0
    assert known().the_default().name == "red"
    assert clusters("remove", "red", "--yes")[0] == 0
    assert known().default is None


def test_a_check_of_all_names_the_one_that_fails(clusters: Command, file: Path) -> None:
    assert clusters("add", "blue", "--kubeconfig", file)[0] == 0
    away = {"cluster_name": "away", "server": "https://127.0.0.1:1", "token": "hunter2-away"}
    asyncio.run(KubernetesCluster(**away).asave("away"))
    code, said = clusters("check")
    assert code == 3
    assert "FAIL  cluster 'away': connect to 127.0.0.1:1: connection refused" in said
    assert "ok    blue: Kubernetes" in said


def test_two_blocks_for_one_name_are_said(clusters: Command, file: Path) -> None:
    assert clusters("add", "blue", "--kubeconfig", file)[0] == 0
    asyncio.run(KubernetesCluster(cluster_name="blue", server="https://127.0.0.1:1", token="hunter2").asave("again"))
    code, said = clusters("check", "blue")
    assert code == 3 and "again and blue both call their cluster 'blue'" in said
    asyncio.run(KubernetesCluster.adelete("again"))
    assert clusters("check", "blue")[0] == 0


def test_one_with_an_execution_under_way_stays(clusters: Command, file: Path, engine: Engine) -> None:
    assert clusters("add", "blue", "--kubeconfig", file)[0] == 0
    owned(engine, target={"cluster": "blue"})
    code, said = clusters("remove", "blue", "--yes")
    assert code == 4 and "executions under way on blue: 1" in said
    with transaction(engine) as session:
        session.execute(text("UPDATE approval SET status = 'executed'"))
    assert clusters("remove", "blue")[0] == 2, "nobody confirmed"
    assert clusters("remove", "blue", "--yes")[0] == 0
