"""What all tests share: a real PostgreSQL and a real Valkey, and nothing of the machine they run on.

One server of each per pytest process, started when first asked for. Every test that asks for a database has an empty
one to itself.
"""

import gc
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as examples
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from redis import Redis
from sqlalchemy import Engine

from countersign.errors import CountersignError
from countersign.execution.plan_seal import make_seal
from countersign.local.postgres import THROWAWAY, EmbeddedPostgres
from countersign.local.valkey import EmbeddedValkey
from countersign.records.database.engine import connect
from countersign.settings import Settings, settings
from tests.databases import Databases, as_superuser
from tests.grouping import pytest_collection_modifyitems
from tests.not_tried import pytest_terminal_summary
from tests.planted import shown_by
from tests.prefect_server import AUTH, serve_prefect
from tests.running_stack import api, own_flows, stack

__all__ = [
    "api",
    "own_flows",
    "pytest_collection_modifyitems",
    "pytest_terminal_summary",
    "stack",
]  # fixtures and hooks
pytest_plugins = ["tests.costs"]
# How long an example takes says how busy the machine is, and nothing about the code.
examples.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("untimed")

AMBIENT = (
    "COUNTERSIGN_",
    "PREFECT_",
    "KUBERNETES_",
    "KUBECONFIG",
    "PGHOST",
    "PGPASS",
    "PGUSER",
    "PGSERVICE",
    "SSH_AUTH",
)
PATIENCE = 60
"""Seconds for a connection to PostgreSQL: the machine may have other things to do."""
LEFT_BEHIND_SECONDS = 1800
GARBAGE_THRESHOLDS = (10_000, 20, 20)
"""How seldom the tests look for cycles: what they make is small beside what collecting them has left."""
TESTS = Path(__file__).parent
AS_THE_RUNNING_ROLE = (
    "aftermath",
    "attacks",
    "audit",
    "chat",
    "execution",
    "faults",
    "policy",
    "records",
    "webhooks",
    "worker",
)
THIS_MACHINE = "127.0.0.1,::1"
"""Where whatever the tests send to is."""


def pytest_configure() -> None:
    """Forget the machine's own settings before any of them is read; a missing kubeconfig is no kubeconfig."""
    for name in [name for name in os.environ if name.startswith(AMBIENT)]:
        del os.environ[name]
    os.environ["KUBECONFIG"] = "/nonexistent/kubeconfig"
    # For what outlives a test, too: servers and workers that are started once.
    os.environ["COUNTERSIGN_ALLOWED_LOCAL_ADDRESSES"] = THIS_MACHINE
    os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="countersign-prefect-")
    # Whatever Countersign logs at any level is looked through by the guard below.
    logging.getLogger("countersign").setLevel(logging.DEBUG)
    gc.disable()  # what is collected stays; see pytest_collection_finish


def pytest_collection_finish() -> None:
    """Leave the collected tests out of every later search for cycles: they are most of what this process has."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.enable()


def pytest_unconfigure() -> None:
    """Remove what pytest_configure made."""
    shutil.rmtree(os.environ["PREFECT_HOME"], ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail every test in whose log or output a planted secret is shown."""
    report = yield
    leaks = shown_by(report)
    if leaks and report.passed:
        report.outcome = "failed"
        report.longrepr = "\n".join([f"{item.nodeid} shows a secret", *leaks])
    return report


@pytest.fixture(scope="session")
def trust_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the keys that no database may hold, with those that every installation has."""
    folder = tmp_path_factory.mktemp("trust")
    make_seal(folder)
    return folder


@pytest.fixture(autouse=True)
def no_ambient_settings(monkeypatch: pytest.MonkeyPatch, trust_dir: Path) -> Iterator[None]:
    """A test sees the settings that it makes itself: no variable of another test, no .env of a developer."""
    for name in [name for name in os.environ if name.startswith("COUNTERSIGN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COUNTERSIGN_ALLOWED_LOCAL_ADDRESSES", THIS_MACHINE)
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    monkeypatch.setenv("COUNTERSIGN_TRUST_DIR", str(trust_dir))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """A short folder for the servers of this process; those of killed runs are cleaned up."""
    root = Path(tempfile.gettempdir())
    for old in root.glob("countersign-tests-*"):
        # Another process of this run may be cleaning it up: it is gone by now, or that process owns its servers.
        with suppress(OSError, CountersignError):
            found = old.stat()
            if found.st_uid == os.geteuid() and time.time() - found.st_mtime > LEFT_BEHIND_SECONDS:
                _clean_up(old)
    folder = Path(tempfile.mkdtemp(prefix="countersign-tests-"))
    # As root, PostgreSQL runs as another user who has to get in.
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _clean_up(old: Path) -> None:
    for name, server in (("postgres", EmbeddedPostgres), ("valkey", EmbeddedValkey)):
        if (old / name).exists():
            with server(old / name):  # adopts what was left running, and ends it
                pass
    shutil.rmtree(old, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(servers_folder: Path) -> Iterator[EmbeddedPostgres]:
    """The PostgreSQL server of this process."""
    with EmbeddedPostgres(servers_folder / "postgres", options=THROWAWAY) as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres: EmbeddedPostgres) -> Iterator[Databases]:
    """The databases for tests, with a migrated template."""
    made = Databases(postgres)
    yield made
    made.close()


@pytest.fixture(scope="session")
def prefect_server(postgres: EmbeddedPostgres, servers_folder: Path) -> Iterator[str]:
    """The API address of this process's Prefect server. On PostgreSQL: on SQLite it answers 503 under load."""
    postgres.create_database("prefect")
    with serve_prefect(postgres.prefect_url("prefect"), servers_folder) as url:
        yield url


@pytest.fixture(scope="module")
def prefect_api(prefect_server: str) -> Iterator[str]:
    """The address of a Prefect server that this process's clients speak to."""
    with temporary_settings({PREFECT_API_URL: prefect_server, PREFECT_API_AUTH_STRING: AUTH.get_secret_value()}):
        yield prefect_server


_numbers = count(1)


@pytest.fixture
def empty_database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """Address of a database without any tables."""
    name = f"empty_{next(_numbers)}"
    postgres.create_database(name)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def database_url(databases: Databases, request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a migrated database without any records: as the role that Countersign runs as where what is tried is
    what that role may do, else, and for tests marked `all_rights`, as the superuser, since tests make states that
    nobody else can.
    """
    runs = request.path.is_relative_to(TESTS) and request.path.relative_to(TESTS).parts[0] in AS_THE_RUNNING_ROLE
    with databases.lent() as url:
        yield url if runs and request.node.get_closest_marker("all_rights") is None else as_superuser(url)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The test's own database. Every connection has to be given back by the end of the test."""
    engine = connect(database_url, timeout=PATIENCE)
    yield engine
    left_open = engine.pool.checkedout()  # type: ignore[attr-defined]
    engine.dispose()
    assert left_open == 0, f"{left_open} connections were left open"


@pytest.fixture
def all_rights(database_url: str) -> Iterator[Engine]:
    """The test's own database as its server's superuser: for what the running role cannot do to its records."""
    engine = connect(as_superuser(database_url), timeout=PATIENCE)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def valkey(servers_folder: Path) -> Iterator[EmbeddedValkey]:
    """The Valkey server of this process."""
    with EmbeddedValkey(servers_folder / "valkey", durable=False) as server:
        yield server


@pytest.fixture
def valkey_url(valkey: EmbeddedValkey) -> str:
    """Address of an empty Valkey."""
    with Redis.from_url(valkey.url) as client:
        client.flushall()
    return valkey.url
