"""Routes whose refusals are pages too: what was wrong and what would work, never a trace."""

from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from fastapi.routing import APIRoute
from sqlmodel import Session

from countersign.errors import CountersignError, DatabaseUnavailable, InvalidInput, NotFound, Refused
from countersign.records.approvals import approvals_ending_in
from countersign.web.pages.rendering import error_page

SHORT = 8
"""Characters of a short id."""


class PageRoute(APIRoute):
    """Shows an error of Countersign as a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with the page of an error around it."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except CountersignError as error:
                return error_page(request, error, status=status_of(error))

        return answer


def status_of(error: CountersignError) -> int:
    """Return the HTTP status that tells what kind of refusal it is."""
    match error:
        case NotFound():
            return 404
        case InvalidInput():
            return 400
        case Refused():
            return 409
        case DatabaseUnavailable():
            return 503
    return 500


def approval_named(session: Session, given: str) -> UUID:
    """Return the approval that an address or a search names: by its id or the end of it. Raises NotFound."""
    given = given.strip().lower()
    try:
        return UUID(given)
    except ValueError:
        found = approvals_ending_in(session, given) if len(given) == SHORT else []
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidInput(f"{len(found)} approvals end in {given}: {', '.join(map(str, found))}")
    raise NotFound(f"no approval is called {given[:64]!r}", hint="give its id, or the last 8 characters of it")
