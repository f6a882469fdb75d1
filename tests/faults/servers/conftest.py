"""One stack for each process of pytest, whose servers are killed by one test after the other."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from countersign.local import supervisor
from tests.faults.servers.cells import representative, whole_matrix
from tests.faults.servers.pauses import FOLDER, Pauses
from tests.faults.servers.place import Place, open_place, pausing_project

HERE = Path(__file__).parent
SETTINGS = {
    "COUNTERSIGN_LEASE_SECONDS": "4",
    # A killed target is back within these attempts, as it would be within the default ones (2, 30 s apart).
    "COUNTERSIGN_RETRY_DELAY_SECONDS": "2",
    "COUNTERSIGN_RETRY_ATTEMPTS": "8",
    "COUNTERSIGN_REQUEST_TIMEOUT_SECONDS": "5",
    "COUNTERSIGN_STEP_RETRY_SECONDS": "0.5",
    # A verification is over as soon as everything is well.
    "COUNTERSIGN_VERIFY_WARM_UP_SECONDS": "0",
    "COUNTERSIGN_VERIFY_COLLECT_SECONDS": "0",
    "COUNTERSIGN_VERIFY_LIMIT_SECONDS": "10",
}


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In `make test` one process of pytest-xdist has the stack; `make faults` gives each process one."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.stack)
            item.add_marker(pytest.mark.timeout(600))
            item.add_marker(pytest.mark.xdist_group("servers"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "lost" in metafunc.fixturenames:
        whole = metafunc.config.getoption("--whole-matrix", default=False)
        cells = list(whole_matrix() if whole else representative())
        metafunc.parametrize("lost", cells, ids=[cell.name for cell in cells])


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    # Not pytest's folder: its parents are closed to the user that PostgreSQL runs as under root.
    with tempfile.TemporaryDirectory(prefix="countersign-lost-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="session")
def pauses(folder: Path) -> Pauses:
    made = folder / "pauses"
    made.mkdir()
    return Pauses(made)


@pytest.fixture(scope="session")
def place(folder: Path, pauses: Pauses) -> Iterator[Place]:
    with pytest.MonkeyPatch.context() as patched:
        # A part that dies often is given longer and longer pauses; here it dies for the next cell.
        patched.setattr(supervisor, "LONGEST_PAUSE", 0.5)
        environment = {**SETTINGS, FOLDER: str(pauses.folder)}
        project = pausing_project(folder / "project")
        with open_place(folder / "state", environment=environment, project=project) as opened:
            yield opened
