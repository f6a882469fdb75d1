"""docs/architecture.md's table names every module once: by its own line, or by its folder's."""

import re
import subprocess
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs" / "architecture.md"
PACKAGES = ("countersign", "flows", "blocks", "sandbox")
_ROW = re.compile(r"^\| `([\w/.]+)` \|", re.MULTILINE)


def rooms() -> list[str]:
    page = PAGE.read_text()
    table = page[page.index("## Where everything is") : page.index("## Processes")]
    return _ROW.findall(table)


def modules() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--", *PACKAGES], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    found = [name for name in listed.stdout.split() if name.endswith(".py")]
    return found or [str(path.relative_to(PROJECT)) for one in PACKAGES for path in (PROJECT / one).rglob("*.py")]


def covered(module: str, named: list[str]) -> bool:
    """A package's `__init__.py` is covered by what is said of the files beside it."""
    folder = module.removesuffix("__init__.py")
    return any(module == room or module.startswith(f"{room}/") or room.startswith(folder) for room in named)


def test_every_module_is_in_a_room() -> None:
    named = rooms()
    assert [module for module in modules() if not covered(module, named)] == []


def test_every_room_is_there_and_named_once() -> None:
    named = rooms()
    assert sorted(set(named)) == sorted(named)
    assert [room for room in named if not (PROJECT / room).exists()] == []
