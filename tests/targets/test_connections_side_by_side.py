"""Several connections to one cluster at once: the end of one is nothing to the others."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from countersign.errors import TargetError
from countersign.targets.kubernetes.connection import ClusterSettings, connect
from sandbox.cluster import SandboxCluster


def test_the_end_of_one_connection_does_not_take_anothers_certificate_away() -> None:
    with SandboxCluster(manifests=[]) as cluster:
        settings = ClusterSettings(name="sandbox", kubeconfig=SecretStr(cluster.kubeconfig))

        def version(_number: int) -> str:
            with connect(settings, request_timeout=30) as connection:
                return str(connection.get("/version")["gitVersion"])

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(version, range(40)))) == 1


def test_a_server_with_another_authoritys_certificate_is_not_spoken_to() -> None:
    with SandboxCluster(manifests=[]) as cluster, SandboxCluster(manifests=[]) as other:
        theirs = other.kubeconfig.replace(other.url, cluster.url)
        settings = ClusterSettings(name="sandbox", kubeconfig=SecretStr(theirs))
        with connect(settings, request_timeout=30) as connection, pytest.raises(TargetError, match="certificate"):
            connection.get("/version")
        assert len(cluster.requests) == 0


def test_no_certificate_is_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with SandboxCluster(manifests=[]) as cluster:
        settings = ClusterSettings(name="sandbox", kubeconfig=SecretStr(cluster.kubeconfig))
        with connect(settings, request_timeout=30) as connection:
            assert list(tmp_path.glob("countersign-*")) == []
            assert connection.get("/version")["gitVersion"]
