"""A stack of Countersign's own, and the cluster of E2E_KUBECONFIG, connected as docs/clusters.md says."""

import os
import queue
import shlex
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from countersign.actions.kinds import KINDS
from countersign.local.postgres import THROWAWAY
from countersign.local.stack import Stack
from tests.real_cluster.admin import Admin
from tests.real_cluster.cases import CASES, LIMITED, WITH_SECRETS, Case
from tests.real_cluster.desk import Desk
from tests.real_cluster.documents import block, shell, typed
from tests.real_cluster.playing import Played, Stage, node_of

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
SETTINGS = {
    # A verification is over as soon as everything is well, and waits for what is under way on a busy machine.
    "COUNTERSIGN_VERIFY_WARM_UP_SECONDS": "0",
    "COUNTERSIGN_VERIFY_COLLECT_SECONDS": "0",
    "COUNTERSIGN_VERIFY_LIMIT_SECONDS": "60",
}
DESKS = 4
"""How many cases are played at the same time."""
KEEP_ROLLING_BACK = """
import sys
from countersign.cli.policy_text import read_policy_text
from countersign.settings import load_settings
policy = read_policy_text(load_settings())
policy.keep(policy.text + sys.argv[1], "bad images are taken back")
"""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep this folder's tests in one process, and out of every run that has no real cluster."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.contract)
            item.add_marker(pytest.mark.stack)
            # The first test waits for all that are played at the same time.
            item.add_marker(pytest.mark.timeout(3600))
            item.add_marker(pytest.mark.xdist_group("real-cluster"))
            if "E2E_KUBECONFIG" not in os.environ and "needs_cluster" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason="needs a real cluster: E2E_KUBECONFIG"))


@pytest.fixture(scope="session")
def needs_cluster() -> str:
    """The kubeconfig's file; tests that ask for it are left out where there is none."""
    return os.environ["E2E_KUBECONFIG"]


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    # Not pytest's folder: its parents are closed to the user that PostgreSQL runs as under root.
    with tempfile.TemporaryDirectory(prefix="countersign-real-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def admin(needs_cluster: str, folder: Path) -> Iterator[Admin]:
    """The administrator, with a namespace for the cases, and nodes for those that need one."""
    document = yaml.safe_load(Path(needs_cluster).read_text())
    context = os.environ.get("E2E_CONTEXT") or document["current-context"]
    file = folder / "admin.kubeconfig"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump({**document, "current-context": context}))
    admin = Admin(file, context, f"rc-{uuid.uuid4().hex[:6]}")
    with ExitStack() as undo:
        undo.callback(_clean_up, admin)
        admin("create", "namespace", admin.namespace)
        undo.enter_context(_nodes(admin, folder))
        yield admin


@contextmanager
def _nodes(admin: Admin, folder: Path) -> Iterator[None]:
    """Serve nodes of the cases' own, on which nothing runs that does not ask for it."""
    names = sorted({node_of(case, admin.namespace) for case in CASES.values()})
    taint = {"key": "cases-only", "value": "true", "effect": "NoSchedule"}
    admin.create(
        [
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
                "spec": {"taints": [taint]},
            }
            for name in names
        ]
    )
    log = (folder / "kubelet.log").open("w")
    kubelet = [sys.executable, "-m", "tests.contract.control_plane.kubelet", str(admin.kubeconfig), *names]
    with log, subprocess.Popen(kubelet, stderr=log) as running:
        try:
            admin("wait", "--for=condition=Ready", *(f"node/{name}" for name in names), "--timeout=60s")
            yield
        finally:
            running.terminate()


def _clean_up(admin: Admin) -> None:
    """Ask for the end of everything that was made; nobody waits for it."""
    outside = [kind for kind, known in KINDS.items() if not known.namespaced and kind != "Namespace"]
    for kind in (*outside, "Namespace", "ClusterRole", "ClusterRoleBinding"):
        found = admin("get", kind, "-o", "name").split()
        if mine := [each for each in found if each.partition("/")[2].startswith(admin.namespace)]:
            admin.ask("delete", "--wait=false", *mine)


@dataclass(frozen=True)
class Connected:
    """The stack, its people, and what was said while the cluster was connected."""

    stack: Stack
    admin: Admin
    keys: Mapping[str, Path]
    said: Mapping[str, str]


@pytest.fixture(scope="session")
def connected(admin: Admin, folder: Path) -> Iterator[Connected]:
    """The cluster, connected with the commands of docs/clusters.md and nothing else."""
    if admin.ask("get", "namespace", "countersign").returncode == 0:
        pytest.fail("the cluster has a namespace `countersign`: take one that is nobody's")
    settings = dict(SETTINGS)
    if "insecure-skip-tls-verify" in admin.kubeconfig.read_text():
        settings["COUNTERSIGN_ALLOW_INSECURE_TLS"] = "true"
    with ExitStack() as undo:
        stack = Stack(
            folder / "state", project=PROJECT, sandbox=False, postgres_options=THROWAWAY, environment=settings
        )
        undo.enter_context(stack)
        environment = shell(stack.environment(), admin.environment())
        keys = _people(environment, folder, admin.namespace)
        undo.callback(admin.ask, "delete", "--wait=false", "namespace/countersign")
        undo.callback(admin.ask, "delete", "clusterrole/countersign", "clusterrolebinding/countersign")
        said = {
            "role": typed(block("clusters.md", "clusters rbac | kubectl apply"), environment),
            "connected": typed(_of(admin, block("clusters.md", "--token -")), environment),
        }
        _connect(admin, environment, LIMITED, f"--operations restart --namespace {admin.namespace}")
        _connect(admin, environment, WITH_SECRETS, "--operations label,annotate --secrets")
        yield Connected(stack, admin, keys, said)


def _of(admin: Admin, commands: str) -> str:
    """Put the kubeconfig of the tests in the place of the page's."""
    return commands.replace("~/.kube/config", str(admin.kubeconfig)).replace("admin@prod", admin.context)


def _connect(admin: Admin, environment: Mapping[str, str], name: str, role: str) -> None:
    """Connect the cluster under another name, with another role."""
    account, config = f"{admin.namespace}/{name}", shlex.quote(str(admin.kubeconfig))
    typed(
        f"countersign clusters rbac {role} --service-account {account} | kubectl apply -f -\n"
        f"kubectl -n {admin.namespace} create token {name} |\n"
        f"  countersign clusters add {name} --kubeconfig {config} --token - --namespace {admin.namespace}\n",
        environment,
    )


def _people(environment: Mapping[str, str], folder: Path, namespace: str) -> Mapping[str, Path]:
    """Make two signers, as README.md says, and have one case rolled back."""
    keys = {name: folder / f"{name}.key" for name in ("alice", "bob")}
    for name, key in keys.items():
        typed(f"countersign keys new {name} --enter --to {shlex.quote(str(key))}", environment)
    rule = f"\nrollback: {{operations: [set_image], namespaces: [{namespace}]}}\n"
    subprocess.run([sys.executable, "-c", KEEP_ROLLING_BACK, rule], env=dict(environment), check=True)
    return keys


@pytest.fixture(scope="session")
def stage(connected: Connected) -> Stage:
    """What cases are played with."""
    admin = connected.admin
    found = [line.split() for line in admin("api-resources", "--no-headers").splitlines()]
    return Stage(admin, connected.keys, frozenset((line[-3], line[-1]) for line in found))


@pytest.fixture(scope="session")
def played(
    request: pytest.FixtureRequest, connected: Connected, stage: Stage
) -> Iterator[Mapping[str, Future[Played]]]:
    """What came of every case that was asked for: they are played side by side, as people act on a cluster."""
    asked = {
        case.name: case
        for item in request.session.items
        if (case := getattr(item, "callspec", None) and item.callspec.params.get("case")) is not None
    }
    desks: queue.SimpleQueue[Desk] = queue.SimpleQueue()
    with ExitStack() as undo:
        pool = undo.enter_context(ThreadPoolExecutor(DESKS))
        for _ in range(DESKS):
            desks.put(undo.enter_context(Desk(connected.stack.environment())))

        def play(case: Case) -> Played:
            desk = desks.get()
            try:
                return stage.play(case, desk)
            finally:
                desks.put(desk)

        yield {name: pool.submit(play, case) for name, case in asked.items()}
