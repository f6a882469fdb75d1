"""A package of tests' flows, as installed packages are: a folder that declares them, on the module path."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from countersign.worker.declared import GROUP

PROJECT = Path(__file__).parent.parent.parent
PROBES = "tests.stack.probes"
FLOWS = (
    "adding",
    "telling_its_client",
    "failing",
    "waiting",
    "with_child",
    "stepping",
    "killing_its_process",
    "leaving_the_interpreter",
    "blocking",
)


def declare(folder: Path, flows: Mapping[str, Sequence[str]]) -> None:
    """Make `folder` one that declares `flows`: functions by module."""
    information = folder / "probes-1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: probes\nVersion: 1\n")
    names = [(module, function) for module, functions in flows.items() for function in functions]
    lines = [f"{number} = {module}:{function}" for number, (module, function) in enumerate(names)]
    (information / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))


def module_path(*folders: Path) -> str:
    """Return the test run's own module path with `folders` in front."""
    return os.pathsep.join([*map(str, folders), str(PROJECT), os.environ.get("PYTHONPATH", "")])
