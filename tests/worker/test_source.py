"""Which code a deployment's run executes."""

import asyncio
import os
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.schemas.responses import DeploymentResponse

from countersign.errors import ConfigurationError
from countersign.worker.source import FlowSource, locate

TEXT = "from prefect import flow\n\n@flow\nasync def answer():\n    return {}\n"


def deployment(entrypoint: str | None, *, path: Path | None = None, steps: object = None) -> DeploymentResponse:
    return DeploymentResponse.model_validate(
        {
            "id": uuid4(),
            "name": "d",
            "flow_id": uuid4(),
            "entrypoint": entrypoint,
            "path": str(path) if path else None,
            "pull_steps": steps,
        }
    )


def answer(source: FlowSource, deployed: DeploymentResponse) -> object:
    return asyncio.run(source.load(deployed).fn())


def test_an_unchanged_file_is_imported_once(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(TEXT.format(1))
    source, deployed = FlowSource(), deployment("f.py:answer", path=tmp_path)
    assert source.load(deployed) is source.load(deployed)


def test_a_changed_file_is_imported_again(tmp_path: Path) -> None:
    file = tmp_path / "f.py"
    file.write_text(TEXT.format(1))
    source, deployed = FlowSource(), deployment("f.py:answer", path=tmp_path)
    assert answer(source, deployed) == 1
    before = file.stat()
    file.write_text(TEXT.format(2))
    # Same size, so only the time tells; set, because two writes may share one tick of the clock.
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert answer(source, deployed) == 2


def test_compiled_code_that_cannot_be_removed_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(TEXT.format(1))
    # Nobody may remove anything from what is no folder; a read-only image refuses in the same place.
    (tmp_path / "__pycache__").write_text("")
    assert answer(FlowSource(), deployment("f.py:answer", path=tmp_path)) == 1


def test_a_file_that_broke_and_was_mended_is_loaded_again(tmp_path: Path) -> None:
    file = tmp_path / "f.py"
    file.write_text("import nothing_of_this_name\n")
    source, deployed = FlowSource(), deployment("f.py:answer", path=tmp_path)
    with pytest.raises(Exception, match="nothing_of_this_name"):
        source.load(deployed)
    file.write_text(TEXT.format(3))
    assert answer(source, deployed) == 3


def test_the_working_directory_step_names_the_folder_without_changing_ours(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(TEXT.format(1))
    here = Path.cwd()
    steps = [{"prefect.deployments.steps.set_working_directory": {"directory": str(tmp_path)}}]
    assert locate(deployment("f.py:answer", steps=steps)) == (f"{tmp_path}/f.py:answer", tmp_path / "f.py")
    assert Path.cwd() == here


def test_a_pull_step_that_needs_its_own_process_is_refused_by_name(tmp_path: Path) -> None:
    steps = [{"prefect.deployments.steps.git_clone": {"repository": "https://example.com/x.git"}}]
    with pytest.raises(ConfigurationError, match="git_clone"):
        locate(deployment("f.py:answer", path=tmp_path, steps=steps))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gone\.py"):
        locate(deployment("gone.py:answer", path=tmp_path))


def test_a_deployment_without_entrypoint_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no entrypoint"):
        locate(deployment(None))


def test_a_module_can_be_the_entrypoint() -> None:
    assert locate(deployment("countersign.canonical.x"))[1].name == "canonical.py"
