"""Which tests pytest-xdist keeps in one process, and in which order it hands them out.

What is started once for many tests (a stack, Prefect's server, a file's own cluster) is started in one process.
Whatever takes long comes first, so that no process ends alone with it while the others have nothing left.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PREFECT = "prefect"
STACK = "stack"
LONGEST_GROUPS = (STACK, "servers", PREFECT)
LONG_FOLDERS = ("faults", "webhooks", "model", "execution", "browser", "web", "aftermath", "attacks", "targets_hosts")
SHORT_FOLDERS = ("contract", "policy", "actions")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each test its group; order them where they are handed out to several processes."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            group = group_of(item.path, needs=getattr(item, "fixturenames", ()), shares=_shares_in_its_file(item))
            if group is not None:
                item.add_marker(pytest.mark.xdist_group(group))
            if group == STACK:
                item.add_marker(pytest.mark.stack)
                # The first test of a process waits for the stack to start as well.
                item.add_marker(pytest.mark.timeout(600))
    if config.getoption("loadgroup", default=False):
        items.sort(key=lambda item: turn_of(item.path, _marked(item)))


def group_of(path: Path, *, needs: Sequence[str], shares: bool) -> str | None:
    """Return the group of a test that needs these fixtures; `shares`: something is set up once for its file."""
    if "stack" in needs or path.parent.name == "stack":
        return STACK
    if "prefect_server" in needs:
        return PREFECT
    return path.relative_to(TESTS).with_suffix("").as_posix() if shares else None


def turn_of(path: Path, group: str | None) -> tuple[int, int]:
    """Return what a test's turn is sorted by."""
    if group in LONGEST_GROUPS:
        return 0, LONGEST_GROUPS.index(group)
    folder = path.relative_to(TESTS).parts[0]
    if folder in LONG_FOLDERS:
        return 1, LONG_FOLDERS.index(folder)
    return (3, SHORT_FOLDERS.index(folder)) if folder in SHORT_FOLDERS else (2, 0)


def _shares_in_its_file(item: pytest.Item) -> bool:
    found = getattr(item, "_fixtureinfo", None)
    return found is not None and any(fixtures[-1].scope == "module" for fixtures in found.name2fixturedefs.values())


def _marked(item: pytest.Item) -> str | None:
    mark = item.get_closest_marker("xdist_group")
    return None if mark is None else str(mark.args[0])
