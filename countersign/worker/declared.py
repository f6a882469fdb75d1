"""Which code a worker runs: flows that an installed package declares, and nothing that a deployment adds to them.

Whoever may write to Prefect's API may make deployments. What is installed here is decided by who installs it: a
package declares its flows as entry points of the group `countersign.flows` (pyproject.toml). A deployment names one
of them as `module.function` and gets that, from where it is installed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points

from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse

from countersign.errors import ForeignCode

GROUP = "countersign.flows"


@dataclass(frozen=True)
class Declared:
    """A flow of an installed package."""

    module: str
    function: str


@lru_cache(maxsize=1)
def declared() -> Mapping[str, Declared]:
    """Return the flows that installed packages declare, by what a deployment calls them. Read once in a process."""
    found = (Declared(entry.module, entry.attr) for entry in entry_points(group=GROUP))
    return {f"{each.module}.{each.function}": each for each in found}


def flow_of(deployment: DeploymentResponse, flow_run: FlowRun, known: Mapping[str, Declared]) -> Declared:
    """Return the flow that `flow_run` of `deployment` is to run, one of `known`.

    Raises ForeignCode, naming what the deployment or the run asks for beside it. Pure.
    """
    refuse = _Refusal(deployment.name)
    if deployment.storage_document_id is not None:
        raise refuse.of("takes its code from a storage block", "deploy it without storage")
    if deployment.infrastructure_document_id or flow_run.infrastructure_document_id:
        raise refuse.of("names an infrastructure block", "deploy it without one")
    if steps := [name for step in deployment.pull_steps or [] for name in step]:
        raise refuse.of(f"has the pull step {steps[0]}", "deploy it with `pull: []`, as prefect.yaml does")
    if variables := sorted({**(deployment.job_variables or {}), **(flow_run.job_variables or {})}):
        raise refuse.of(
            f"sets the job variable {variables[0]}",
            "take the job variables out; what a run needs is in its parameters and in the worker's settings",
        )
    wanted = known.get(deployment.entrypoint or "")
    if wanted is None:
        raise refuse.of(
            f"runs {deployment.entrypoint or 'no entrypoint'}, which no package declares that is installed here",
            "run `prefect --no-prompt deploy --all` for Countersign's own; declare others as entry points of the "
            f"group {GROUP} in a package of yours",
            of="entrypoint",
        )
    return wanted


@dataclass(frozen=True)
class _Refusal:
    deployment: str

    def of(self, what: str, hint: str, *, of: str = "deployment") -> ForeignCode:
        return ForeignCode(f"The deployment {self.deployment} {what}; this worker does not run it.", hint=hint, of=of)
