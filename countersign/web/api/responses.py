"""Which problems a route can answer with, for its OpenAPI."""

from typing import Any, Final

from countersign.web.problem import MEDIA_TYPE, Problem

ALWAYS: Final = (401, 403, 422, 429, 503)
"""Nobody is known, nobody may, a field is wrong, too often, something is away."""
_SAID: Final = {
    400: "The request cannot be read.",
    401: "Whoever asks has not shown who they are.",
    403: "The policy gives whoever asks no role for this.",
    404: "There is no such record.",
    408: "The request did not come to its end in time.",
    409: "The record's state, or a request under way, speaks against it.",
    410: "What is asked for has moved to the archive.",
    412: "The record is not what was seen any more.",
    413: "The body is too large or too deep.",
    422: "A field of the request is not acceptable.",
    429: "Too much was asked in a short time.",
    502: "The target does not answer as it should.",
    503: "Something that is needed cannot be reached.",
}


OF_BODIES: Final = (408, 413)
"""Of what sends something."""
OF_CHANGES: Final = (409,)
"""Of what changes something: the same idempotency key is being answered."""


def problems(*statuses: int, idempotent: bool = False) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of these statuses and of those that every route has."""
    given = {*ALWAYS, *statuses} | ({*OF_BODIES, *OF_CHANGES} if idempotent else set())
    return {status: problem_response(status) for status in sorted(given)}


def problem_response(status: int) -> dict[str, Any]:
    """Return the documentation of one status."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {"description": _SAID[status], "content": {MEDIA_TYPE: {"schema": schema}}}
