"""What patch makes of an object: the server's own answer to a dry run of it.

The three patch types have the server's semantics (merge keys, defaulting), so the server is asked, and the
difference it reports is what is sent: a patch given as a merge becomes as safe to replay as any other change.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from countersign.actions.operation import PatchParameters, PatchType
from countersign.errors import PermanentTargetError, PreconditionFailed, PreflightRefused
from countersign.targets.kubernetes.answers import JSON_PATCH
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.requests import change

_CONTENT_TYPES: Final[Mapping[PatchType, str]] = {
    PatchType.STRATEGIC: "application/strategic-merge-patch+json",
    PatchType.MERGE: "application/merge-patch+json",
    PatchType.JSON: JSON_PATCH,
}


def patched(connection: Connection, path: str, parameters: PatchParameters, *, of: str) -> Any:
    """Return the object as the server would store it. Raises PreflightRefused when the server refuses the patch."""
    body = json.loads(parameters.patch)
    try:
        return connection.dry_run(
            change(path, body, _CONTENT_TYPES[parameters.type]), what=f"dry run of the patch of {of}"
        )
    except (PermanentTargetError, PreconditionFailed) as error:
        raise PreflightRefused(error.message, hint=error.hint or "correct the patch") from None
