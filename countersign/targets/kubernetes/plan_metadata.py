"""Pure: what annotate and label make of an object."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final, Literal

from countersign.actions.operation import MetadataParameters
from countersign.errors import PreflightRefused

CHANGE_CAUSE: Final = "kubernetes.io/change-cause"
"""kubectl annotate always overwrites this one."""


def with_metadata(
    live: Mapping[str, Any], section: Literal["labels", "annotations"], parameters: MetadataParameters, *, of: str
) -> Any:
    """Set and remove labels or annotations. Raises PreflightRefused for another value without overwrite."""
    wanted = deepcopy(dict(live))
    values: dict[str, str] = dict(wanted["metadata"].get(section) or {})
    for key, value in parameters.set:
        taken = key in values and values[key] != value
        if taken and not parameters.overwrite and not (section == "annotations" and key == CHANGE_CAUSE):
            raise PreflightRefused(
                f"{of} already has another value for the {section[:-1]} {key}", hint="add --overwrite to replace it"
            )
        values[key] = value
    for key in parameters.remove:
        values.pop(key, None)
    if values:
        wanted["metadata"][section] = values
    else:
        wanted["metadata"].pop(section, None)
    return wanted
