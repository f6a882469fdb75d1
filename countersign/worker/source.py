"""Load a deployment's flow once and again only when its file has changed.

Importing the flow's file for every run is what makes other workers slow. Here an entrypoint stays loaded until
the file's modification time or size changes; the next run then gets the new code while runs in progress keep
the old. Modules that the file imports are Python's to cache: a change there needs a restart of the worker.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from typing import Any

from prefect.client.schemas.responses import DeploymentResponse
from prefect.flows import Flow, load_flow_from_entrypoint

from countersign.errors import ConfigurationError

_LOCAL_STEP = "prefect.deployments.steps.set_working_directory"
AnyFlow = Flow[..., Any]


@dataclass(frozen=True)
class _Stamp:
    modified_ns: int
    size: int


class FlowSource:
    """The flows that this process has loaded, by entrypoint. Safe to use from several threads."""

    def __init__(self) -> None:
        self._loaded: dict[str, tuple[_Stamp, AnyFlow]] = {}
        # Prefect's loader changes sys.path and sys.modules while it works: one load at a time.
        self._lock = threading.Lock()

    def load(self, deployment: DeploymentResponse) -> AnyFlow:
        """Return the flow of `deployment`, fresh if its file has changed since the last call.

        Raises ConfigurationError if the deployment's code is not in a local folder, and whatever the flow's
        own file raises when it is imported.
        """
        entrypoint, file = locate(deployment)
        with self._lock:
            status = file.stat()
            stamp = _Stamp(status.st_mtime_ns, status.st_size)
            known = self._loaded.get(entrypoint)
            if known is not None and known[0] == stamp:
                return known[1]
            # Python takes compiled code for current within the same second: two edits in one would show the first.
            # Where it cannot be removed (a read-only image), nobody edits either.
            with suppress(OSError):
                Path(cache_from_source(str(file))).unlink()
            flow: AnyFlow = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
            self._loaded[entrypoint] = (stamp, flow)
            return flow


def locate(deployment: DeploymentResponse) -> tuple[str, Path]:
    """Return the absolute entrypoint of `deployment` and the file behind it. Raises ConfigurationError."""
    if not deployment.entrypoint:
        raise ConfigurationError(
            f"The deployment {deployment.name} names no entrypoint, so there is no flow to run.",
            hint="deploy it with an entrypoint such as flows/execute_approval.py:execute_approval",
        )
    if ":" not in deployment.entrypoint:
        return deployment.entrypoint, _module_file(deployment.entrypoint)
    path, _, name = deployment.entrypoint.rpartition(":")
    file = (_folder(deployment) / path).resolve()
    if not file.is_file():
        raise ConfigurationError(
            f"The flow's file {file} of the deployment {deployment.name} does not exist here.",
            hint="run `prefect deploy --all` in the folder that holds the code",
        )
    return f"{file}:{name}", file


def _folder(deployment: DeploymentResponse) -> Path:
    # A worker that stays must not change its working directory for one run, so the only pull step that it
    # can honour is the one that names a folder.
    folder = Path(deployment.path or ".")
    for step in deployment.pull_steps or []:
        for name, arguments in step.items():
            if name != _LOCAL_STEP:
                raise ConfigurationError(
                    f"The deployment {deployment.name} has the pull step {name}, which needs a process of its own.",
                    hint="use a process or Kubernetes work pool for it, or drop the pull step",
                )
            folder = Path(arguments["directory"])
    return folder


def _module_file(entrypoint: str) -> Path:
    module = entrypoint.rpartition(".")[0]
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ConfigurationError(f"The flow's module {module} cannot be found.", hint="is the package installed?")
    return Path(spec.origin)
