"""Secrets that a block names: files of one folder, read where they are needed, and nothing else of the machine."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from blocks import KubernetesCluster, SSHHosts
from blocks.clusters import settings_of
from blocks.loading import Found
from blocks.mounted import mounted_secret
from countersign.errors import ConfigurationError
from tests.blocks.examples import CLIENT_KEY, OTHER_KEY, SECRET, hosts, kubeconfig


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "secrets"
    made.mkdir()
    monkeypatch.setenv("COUNTERSIGN_SECRETS_DIR", str(made))
    return made


def put(file: Path, text: str, mode: int = 0o600) -> Path:
    file.write_text(text)
    file.chmod(mode)
    return file


def test_a_cluster_is_reached_with_the_file_as_it_is_now(folder: Path) -> None:
    block = KubernetesCluster(kubeconfig_file="production", context="green")
    with pytest.raises(ConfigurationError, match="kubeconfig_file: the file 'production' cannot be read"):
        block.settings()
    for token in (SECRET, "hunter2-the-next-one"):
        put(folder / "production", kubeconfig(token=token))
        assert block.settings().kubeconfig == SecretStr(kubeconfig(token=token))
    assert SECRET not in repr(block.settings())


def test_a_cluster_whose_file_is_not_mounted_is_its_own_problem_alone(folder: Path) -> None:
    found = settings_of(Found(KubernetesCluster(kubeconfig_file="absent"), {}))
    assert isinstance(found, ConfigurationError)


def test_a_file_as_kubernetes_mounts_it_is_read(folder: Path) -> None:
    (folder / "..2026").mkdir()
    put(folder / "..2026" / "key", CLIENT_KEY.private, 0o440)
    (folder / "..data").symlink_to("..2026")
    (folder / "key").symlink_to("..data/key")
    fleet = SSHHosts(**hosts(private_key=None, private_key_file="key")).settings()
    assert [host.private_key for host in fleet.hosts] == [SecretStr(CLIENT_KEY.private)]


def test_a_host_with_a_key_of_its_own_keeps_it(folder: Path) -> None:
    put(folder / "key", CLIENT_KEY.private)
    block = SSHHosts(**hosts(private_key=None, private_key_file="key", private_keys={"web-1": OTHER_KEY.private}))
    assert [host.private_key for host in block.settings().hosts] == [SecretStr(OTHER_KEY.private)]


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "..", "", "link", "a/../../outside"])
def test_no_name_leads_out_of_the_folder(folder: Path, name: str) -> None:
    put(folder.parent / "outside", SECRET)
    (folder / "link").symlink_to("../outside")
    with pytest.raises(ConfigurationError, match="is not in the folder of mounted secrets"):
        mounted_secret(name, field="kubeconfig_file")


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o602])
def test_a_file_that_everybody_reads_or_others_write_is_no_secret(folder: Path, mode: int) -> None:
    put(folder / "key", SECRET, mode)
    with pytest.raises(ConfigurationError, match=f"mode {mode:o}") as caught:
        mounted_secret("key", field="private_key_file")
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"


def test_what_is_no_text_or_too_large_is_said(folder: Path) -> None:
    (folder / "key").write_bytes(b"\xff\xfe")
    (folder / "key").chmod(0o600)
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        mounted_secret("key", field="private_key_file")
    put(folder / "key", "x" * 1_000_001)
    with pytest.raises(ConfigurationError, match="is larger than 1,000,000 bytes"):
        mounted_secret("key", field="private_key_file")


def test_without_a_folder_no_file_is_read(tmp_path: Path) -> None:
    put(tmp_path / "key", SECRET)
    with pytest.raises(ConfigurationError, match="files of mounted secrets are not read here") as caught:
        mounted_secret(str(tmp_path / "key"), field="private_key_file")
    assert "COUNTERSIGN_SECRETS_DIR" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kubeconfig": kubeconfig(), "kubeconfig_file": "a"}, "kubeconfig and kubeconfig_file are given"),
        ({"kubeconfig_file": "a", "server": "https://x"}, "kubeconfig_file and a server are given"),
        ({"kubeconfig_file": "a", "in_cluster": True}, "in_cluster and kubeconfig_file are given"),
    ],
)
def test_two_ways_to_reach_a_cluster_are_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        KubernetesCluster.model_validate(fields)
    assert said in str(caught.value)


def test_a_key_and_a_file_for_it_are_refused() -> None:
    with pytest.raises(ValidationError, match="private_key and private_key_file are given"):
        SSHHosts(**hosts(private_key_file="key"))
