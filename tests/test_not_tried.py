"""What was not tried is said once for each reason."""

import subprocess
import sys
from pathlib import Path

from tests.not_tried import by_reason

SOME = """
import pytest

@pytest.mark.skip(reason="needs a cluster")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_on_a_cluster(number): ...

def test_as_root():
    pytest.skip("needs root")
"""


def test_reasons_are_counted_the_most_frequent_first() -> None:
    assert by_reason(["no root", "no cluster", "no cluster"]) == ["    2  no cluster", "    1  no root"]


def test_the_end_of_a_run_names_each_reason_once(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(SOME)
    (tmp_path / "conftest.py").write_text("from tests.not_tried import pytest_terminal_summary\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", str(tmp_path)]
    root = Path(__file__).parent.parent
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=120)
    lines = ended.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if "not tried, and why" in line)
    assert lines[at + 1 : at + 3] == ["    3  needs a cluster", "    1  needs root"]
