"""Pure: what scale makes of an object."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from countersign.actions.operation import ScaleParameters
from countersign.errors import PreflightRefused


def scaled(live: Mapping[str, Any], parameters: ScaleParameters, *, of: str) -> Any:
    """Set the replicas. Raises PreflightRefused when --current-replicas names another number."""
    now = live["spec"].get("replicas", 1)
    if parameters.current_replicas is not None and parameters.current_replicas != now:
        raise PreflightRefused(
            f"{of} has {now} replicas, not {parameters.current_replicas} as --current-replicas says",
            hint="look at it again and file the action with the number it has",
        )
    wanted = deepcopy(dict(live))
    wanted["spec"]["replicas"] = parameters.replicas
    return wanted
