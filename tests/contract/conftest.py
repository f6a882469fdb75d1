"""What the contract runs on: the cluster that E2E_KUBECONFIG names, else the sandbox. Never an ambient one."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.api import Api
from tests.contract.namespace import Namespace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is part of the contract."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.contract)
            # A throwaway control plane's kubeconfig may say so itself.
            item.add_marker(pytest.mark.filterwarnings("ignore:Unverified HTTPS request"))


@pytest.fixture(scope="session")
def api() -> Iterator[Api]:
    """The API server: a real one in the context E2E_CONTEXT (default: the file's current one), or the sandbox."""
    named = os.environ.get("E2E_KUBECONFIG")
    if named:
        with Api(Path(named).read_text(), os.environ.get("E2E_CONTEXT")) as client:
            yield client
        return
    from sandbox.cluster import SandboxCluster  # noqa: PLC0415  only where it is needed

    with SandboxCluster() as sandbox, Api(sandbox.kubeconfig, "sandbox") as client:
        yield client


@pytest.fixture(scope="session")
def run_id() -> str:
    """Distinguishes this run's objects from those of any other run on the same cluster."""
    return uuid.uuid4().hex[:8]


@pytest.fixture
def ns(api: Api, run_id: str) -> Iterator[Namespace]:
    """An empty namespace of the probe's own; its removal is asked for at the end."""
    name = f"contract-{run_id}-{uuid.uuid4().hex[:6]}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    api.request("POST", "/api/v1/namespaces", body).ok()
    yield Namespace(api, name)
    answer = api.request("DELETE", f"/api/v1/namespaces/{name}")
    assert answer.status in (200, 202, 404, 409), answer
