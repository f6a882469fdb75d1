"""What patch makes of an object: what it names, as the server's own dry run answers it.

The three patch types have the server's semantics (merge keys, defaulting), so the server is asked. A server stores
nothing of a field that it does not know and calls that a success, so everything that the patch names has to be in
its answer. What is sent is the difference that the patch names: as safe to replay as any other change.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from countersign.actions.operation import PatchParameters, PatchType
from countersign.errors import AmbiguousTargetError, PermanentTargetError, PreconditionFailed, PreflightRefused
from countersign.targets.kubernetes.answers import JSON_PATCH
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.fields import UnknownField, unknown_fields
from countersign.targets.kubernetes.patching import json_leaves, nested, not_as_named, value_at, with_patch
from countersign.targets.kubernetes.requests import change

_CONTENT_TYPES: Final[Mapping[PatchType, str]] = {
    PatchType.STRATEGIC: "application/strategic-merge-patch+json",
    PatchType.MERGE: "application/merge-patch+json",
    PatchType.JSON: JSON_PATCH,
}


def patched(
    connection: Connection, path: str, live: Mapping[str, Any], parameters: PatchParameters, *, of: str
) -> Any:
    """Return `live` with what the patch names, as the server would store it.

    Raises PreflightRefused when the server refuses the patch, or would not store what it names.
    """
    body = json.loads(parameters.patch)
    request = change(path, body, _CONTENT_TYPES[parameters.type])
    try:
        answered = connection.dry_run(request, what=f"dry run of the patch of {of}")
    except (PermanentTargetError, PreconditionFailed, AmbiguousTargetError) as error:
        named = _no_fields(of, _unknown(parameters, body, live))
        raise named or PreflightRefused(error.message, hint=error.hint or "correct the patch") from None
    if named := _no_fields(of, _unknown(parameters, body, live, answered)):
        raise named
    for leaf in not_as_named(answered, parameters):
        found = value_at(answered, leaf.path)
        has = "has no such field" if found is None else f"would store {json.dumps(found)[:80]} instead"
        raise PreflightRefused(
            f"{of}: the patch sets {leaf.shown}, and the server {has}", hint="correct the patch; nothing was sent"
        )
    return with_patch(live, answered, parameters)


def _unknown(parameters: PatchParameters, body: Any, *objects: Mapping[str, Any]) -> tuple[UnknownField, ...]:
    if parameters.type is not PatchType.JSON:
        return unknown_fields(body, *objects)
    found = (unknown_fields(nested(leaf), *objects) for leaf in json_leaves(body))
    return tuple(dict.fromkeys(each for unknown in found for each in unknown))


def _no_fields(of: str, unknown: tuple[UnknownField, ...]) -> PreflightRefused | None:
    if not unknown:
        return None
    told = "; ".join(
        f"{field.shown} is no field" + (f", the nearest is {field.nearest}" if field.nearest else "")
        for field in unknown
    )
    near = next((field.nearest for field in unknown if field.nearest), None)
    return PreflightRefused(
        f"{of}: {told}. Nothing of the patch is applied.",
        hint=f"did you mean {near}?" if near else "look the field up with `kubectl explain`",
    )
