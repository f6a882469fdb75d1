"""Is another user of the same machine: reads what Countersign leaves in files."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from countersign.local.valkey import EmbeddedValkey
from countersign.private_files import write_private
from countersign.targets.kubernetes import investigate
from countersign.targets.kubernetes.investigate import run_investigation
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from sandbox.cluster import SandboxCluster
from sandbox.cluster.identity import kept_identity
from sandbox.hosts.host import SandboxHost
from sandbox.hosts.keys import kept_key


@pytest.fixture(autouse=True)
def careless() -> Iterator[None]:
    """The mask of a shell that was set up for sharing."""
    before = os.umask(0)
    yield
    os.umask(before)


def readable(folder: Path) -> list[str]:
    """Return the files below `folder` that somebody else may read or write, and has a way to."""
    found = []
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if (Path(path) / name).stat().st_mode & 0o001]
        for name in names:
            status = (Path(path) / name).lstat()
            if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
                found.append(f"{Path(path) / name} {stat.S_IMODE(status.st_mode):o}")
    return found


def test_a_private_file_is_private_where_it_was_not_before(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    (tmp_path / "x").chmod(0o666)
    write_private(tmp_path / "x", "new")
    assert readable(tmp_path) == []
    assert (tmp_path / "x").read_text() == "new"


def test_what_kubectl_is_given(
    running_cluster: SandboxCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen: list[str] = []
    real = investigate._run

    def looked(binary: str, argv: tuple[str, ...], folder: Path, *rest: object) -> object:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        seen.extend(str(path) for path in folder.iterdir() if path.stat().st_mode & 0o077)
        return real(binary, argv, folder, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(investigate, "_run", looked)
    settings = ClusterSettings(name="sandbox", kubeconfig=SecretStr(running_cluster.kubeconfig))
    assert run_investigation(settings, ["get", "pods", "-o", "name"], timeout=30).exit_code == 0
    assert seen == []
    assert list(tmp_path.iterdir()) == []


def test_keys_and_identities(tmp_path: Path) -> None:
    kept_key(tmp_path, "client_key")
    kept_identity(tmp_path / "identity.json")
    assert readable(tmp_path) == []


def test_a_hosts_keys(tmp_path: Path) -> None:
    with SandboxHost(server="standin", folder=tmp_path / "host"):
        assert [one for one in readable(tmp_path) if "key" in one and ".pub" not in one] == []


def test_a_servers_data_and_log(servers_folder: Path) -> None:
    folder = servers_folder / "private-valkey"
    folder.mkdir(mode=0o755)
    with EmbeddedValkey(folder, durable=True):
        assert readable(folder) == []
