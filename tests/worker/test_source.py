"""Which code a run executes: what is installed, fresh when its file has changed."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from countersign.errors import ConfigurationError
from countersign.worker.declared import Declared
from countersign.worker.source import FlowSource

TEXT = "from prefect import flow\n\n@flow\nasync def answer():\n    return {}\n"
WRITTEN = Declared("written_by_a_test", "answer")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of a module that can be imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / f"{WRITTEN.module}.py"
    # Prefect's loader leaves it there under its own name.
    sys.modules.pop(WRITTEN.module, None)


def answer(source: FlowSource) -> object:
    return asyncio.run(source.load(WRITTEN).fn())


def test_an_unchanged_file_is_imported_once(file: Path) -> None:
    file.write_text(TEXT.format(1))
    source = FlowSource()
    assert source.load(WRITTEN) is source.load(WRITTEN)


def test_a_changed_file_is_imported_again(file: Path) -> None:
    file.write_text(TEXT.format(1))
    source = FlowSource()
    assert answer(source) == 1
    before = file.stat()
    file.write_text(TEXT.format(2))
    # Same size, so only the time tells; set, because two writes may share one tick of the clock.
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert answer(source) == 2


def test_compiled_code_that_cannot_be_removed_is_no_obstacle(file: Path) -> None:
    file.write_text(TEXT.format(1))
    # Nobody may remove anything from what is no folder; a read-only image refuses in the same place.
    (file.parent / "__pycache__").write_text("")
    assert answer(FlowSource()) == 1


def test_a_file_that_broke_and_was_mended_is_loaded_again(file: Path) -> None:
    file.write_text("import nothing_of_this_name\n")
    source = FlowSource()
    with pytest.raises(Exception, match="nothing_of_this_name"):
        source.load(WRITTEN)
    file.write_text(TEXT.format(3))
    assert answer(source) == 3


def test_a_module_that_is_not_installed_is_named() -> None:
    with pytest.raises(ConfigurationError, match="gone"):
        FlowSource().load(Declared("gone", "answer"))
    with pytest.raises(ConfigurationError, match=r"gone\.further"):
        FlowSource().load(Declared("gone.further", "answer"))
