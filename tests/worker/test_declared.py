"""What a deployment may ask a worker to run."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse

from countersign.errors import ForeignCode
from countersign.worker.declared import Declared, declared, flow_of

OURS = "flows.execute_approval.execute_approval"
KNOWN = {OURS: Declared("flows.execute_approval", "execute_approval")}
STEP = {"prefect.deployments.steps.set_working_directory": {"directory": "/tmp"}}


def chosen(deployment: dict[str, Any], run: dict[str, Any] | None = None) -> Declared:
    asked = {"id": uuid4(), "name": "d", "flow_id": uuid4(), "entrypoint": OURS, **deployment}
    return flow_of(DeploymentResponse.model_validate(asked), FlowRun(flow_id=uuid4(), name="r", **(run or {})), KNOWN)


def test_a_declared_flow_is_run_wherever_the_deployment_says_that_it_is() -> None:
    assert chosen({}) == KNOWN[OURS]
    assert chosen({"path": "/somewhere/else", "pull_steps": [], "job_variables": {}}) == KNOWN[OURS]


@pytest.mark.parametrize(
    ("deployment", "run", "named"),
    [
        ({"entrypoint": "os.system"}, {}, "os.system"),
        ({"entrypoint": None}, {}, "no entrypoint"),
        ({"entrypoint": "flows/execute_approval.py:execute_approval"}, {}, r"flows/execute_approval\.py"),
        ({"entrypoint": "flows.execute_approval:execute_approval"}, {}, "flows.execute_approval:"),
        ({"pull_steps": [STEP]}, {}, "set_working_directory"),
        ({"storage_document_id": uuid4()}, {}, "storage block"),
        ({"infrastructure_document_id": uuid4()}, {}, "infrastructure block"),
        ({}, {"infrastructure_document_id": uuid4()}, "infrastructure block"),
        ({"job_variables": {"command": "sh"}}, {}, "job variable command"),
        ({}, {"job_variables": {"env": {"PYTHONPATH": "/tmp"}}}, "job variable env"),
    ],
)
def test_what_would_run_other_code_is_refused_by_name(
    deployment: dict[str, Any], run: dict[str, Any], named: str
) -> None:
    with pytest.raises(ForeignCode, match=named) as refused:
        chosen(deployment, run)
    assert "d " in refused.value.message and refused.value.hint


def test_what_prefect_yaml_deploys_is_what_the_package_declares() -> None:
    project = Path(__file__).parent.parent.parent
    described = yaml.safe_load((project / "prefect.yaml").read_text())
    assert {each["entrypoint"] for each in described["deployments"]} == set(declared())
    assert described["pull"] == []
