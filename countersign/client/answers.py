"""What the API's problem documents mean here: the class of the error that it tells of."""

from collections.abc import Iterator
from typing import Any, Final

import httpx

from countersign import errors
from countersign.errors import CountersignError

_OTHER: Final = {404: errors.NotFound, 401: errors.Unauthenticated, 403: errors.Forbidden}


class AnsweredWithProblem(CountersignError):
    """The API refused, for a reason that has no name here."""

    code = "answered_with_problem"


def error_in(answer: httpx.Response) -> CountersignError:
    """Return the error that an answer tells of."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("code"), str):
        where = answer.request.url.host
        return errors.ConfigurationError(
            f"{where} answers {answer.status_code}, and not as Countersign does.",
            hint="--server or COUNTERSIGN_URL names the API, without a path",
        )
    message, hint = str(said.get("detail") or said.get("title")), said.get("hint")
    if said["code"] == errors.TooManyRequests.code:
        return errors.TooManyRequests(message, hint=hint, retry_after=_seconds(answer))
    kind = _kinds().get(said["code"], _OTHER.get(answer.status_code, AnsweredWithProblem))
    return kind(message, hint=hint)


def _seconds(answer: httpx.Response) -> float:
    given = answer.headers.get("Retry-After", "")
    return float(given) if given.isdigit() else 1.0


def _kinds() -> dict[str, type[CountersignError]]:
    """Return the classes that are made of a message and a hint alone, by the code that they give."""
    special: tuple[Any, ...] = (errors.GateRefused, errors.TooManyRequests)
    return {kind.code: kind for kind in _all(CountersignError) if "code" in vars(kind) and kind not in special}


def _all(kind: type[CountersignError]) -> Iterator[type[CountersignError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _all(each)
