"""Holds Prefect's password: makes deployments, to get code of her own run where the credentials are."""

from pathlib import Path
from typing import Any

import pytest

from countersign.local.stack import Stack
from tests.attacks.conftest import told_of
from tests.stack.api import Api
from tests.stack.declaring import PROBES

CODE = "from pathlib import Path\nfrom prefect import flow\n\n@flow\ndef evil() -> None:\n    Path('{}').touch()\n"


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A flow that leaves `done` beside its file."""
    file = tmp_path / "evil.py"
    file.write_text(CODE.format(tmp_path / "done"))
    return file


def step(name: str, **arguments: Any) -> dict[str, Any]:
    return {f"prefect.deployments.steps.{name}": arguments}


@pytest.mark.parametrize(
    ("asks", "named"),
    [
        ({"entrypoint": "{evil}:evil"}, "evil.py:evil"),
        ({"entrypoint": "evil.py:evil", "path": "{folder}"}, "evil.py:evil"),
        ({"entrypoint": "evil.evil", "path": "{folder}"}, "evil.evil"),
        ({"entrypoint": "os.system"}, "os.system"),
        ({"entrypoint": "../../../../{evil}:evil"}, "evil.py:evil"),
        ({"pull_steps": [step("run_shell_script", script="touch {folder}/done")]}, "run_shell_script"),
        ({"pull_steps": [step("set_working_directory", directory="{folder}")]}, "set_working_directory"),
        ({"pull_steps": [step("git_clone", repository="{folder}")]}, "git_clone"),
        ({"job_variables": {"command": "touch {folder}/done"}}, "job variable command"),
        ({"job_variables": {"env": {"PYTHONPATH": "{folder}"}}}, "job variable env"),
    ],
)
def test_a_deployment_with_code_of_her_own_is_not_run(
    stack: Stack, api: Api, evil: Path, asks: dict[str, Any], named: str
) -> None:
    deployment = api.deploy(PROBES, "adding", **filled(asks, evil))
    run = api.wait(api.run(deployment))
    assert (run["state_type"], run["state"]["name"]) == ("FAILED", "Refused")
    assert named in run["state"]["message"] and "this worker does not run it" in run["state"]["message"]
    assert not (evil.parent / "done").exists()
    wanted = "worker:entrypoint:refused" if "entrypoint" in asks else "worker:deployment:refused"
    assert told_of(stack, run["id"]) == wanted
    api.deploy(PROBES, "adding", pull_steps=[], job_variables={})


def test_a_run_with_job_variables_of_its_own_is_not_run(api: Api) -> None:
    deployment = api.deploy(PROBES, "adding", pull_steps=[], job_variables={})
    body = {"state": {"type": "SCHEDULED"}, "job_variables": {"env": {"LD_PRELOAD": "/tmp/x.so"}}}
    answer = api.http.post(f"/deployments/{deployment}/create_flow_run", json=body)
    # The server asks the pool's template first, which has no variables; the worker does not rely on that.
    if answer.is_success:
        assert api.wait(answer.json()["id"])["state"]["name"] == "Refused"
    else:
        assert answer.status_code in (409, 422)


def test_a_deployment_that_takes_its_code_from_a_block_is_not_run(stack: Stack, api: Api, evil: Path) -> None:
    kind = api.http.get("/block_types/slug/local-file-system").raise_for_status().json()
    schemas = {"block_schemas": {"block_type_id": {"any_": [kind["id"]]}}}
    schema = api.http.post("/block_schemas/filter", json=schemas).raise_for_status().json()[0]
    block = {
        "name": "storage",
        "data": {"basepath": str(evil.parent)},
        "block_type_id": kind["id"],
        "block_schema_id": schema["id"],
    }
    saved = api.http.post("/block_documents/", json=block).raise_for_status().json()
    deployment = api.deploy(PROBES, "adding", storage_document_id=saved["id"], pull_steps=[], job_variables={})
    run = api.wait(api.run(deployment))
    assert run["state"]["name"] == "Refused" and "storage block" in run["state"]["message"]
    assert told_of(stack, run["id"]) == "worker:deployment:refused"
    api.http.delete(f"/deployments/{deployment}").raise_for_status()


def filled(asks: Any, evil: Path) -> Any:
    match asks:
        case str():
            return asks.replace("{evil}", str(evil)).replace("{folder}", str(evil.parent))
        case dict():
            return {name: filled(value, evil) for name, value in asks.items()}
        case list():
            return [filled(each, evil) for each in asks]
    return asks
