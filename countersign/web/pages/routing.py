"""Routes whose refusals are pages too: what was wrong and what would work, never a trace."""

import math
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlmodel import Session
from starlette.responses import RedirectResponse

from countersign.errors import CountersignError, Forbidden, InvalidInput, NotFound, TooManyRequests
from countersign.execution.scope import scope_of
from countersign.policy.roles import Permission
from countersign.records import refusals
from countersign.records.approvals import approvals_ending_in, approvals_with, get_approval
from countersign.records.tables import Approval
from countersign.web.acting import Acting, NoSession
from countersign.web.content_security import NOT_KEPT
from countersign.web.pages.rendering import error_page, is_partial, with_query
from countersign.web.problem import mistake_in, status_of

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
            except NoSession:
                return _to_login(request)
            except RequestValidationError as error:
                return error_page(request, mistake_in(error), status=status_of(InvalidInput))
            except CountersignError as error:
                return _refused(request, error)

        return answer


def _refused(request: Request, error: CountersignError) -> Response:
    answer = error_page(request, error, status=status_of(type(error)))
    if isinstance(error, TooManyRequests):
        answer.headers["Retry-After"] = str(math.ceil(error.retry_after))
    return answer


def _to_login(request: Request) -> Response:
    """Lead to the login page, and from there back to what was asked for."""
    back = request.url.path if request.method == "GET" else "/"
    address = with_query("/login", back="" if back == "/" else back)
    if is_partial(request):
        # A redirection is followed before htmx sees it, and the login page would be put into the place of a part.
        return Response(status_code=401, headers={"HX-Redirect": address, **NOT_KEPT})
    return RedirectResponse(address, status_code=303, headers=NOT_KEPT)


def reachable(session: Session, acting: Acting, name: str, permission: Permission) -> Approval:
    """Return the approval that `name` names, if they may do this about it. Raises NotFound, Forbidden."""
    approval = get_approval(session, approval_named(session, acting, name))
    acting.require(permission, scope_of(approval))
    return approval


def approval_named(session: Session, acting: Acting, given: str) -> UUID:
    """Return the approval that an address or a search names: by its id or the end of it.

    Raises NotFound, in the same words for what they may not read, and Forbidden where they may read nothing.
    """
    acting.require(Permission.READ, None)
    given = given.strip().lower()
    try:
        ids = [UUID(given)]
    except ValueError:
        ids = list(approvals_ending_in(session, given)) if len(given) == SHORT else []
    known = approvals_with(session, set(ids))
    found = [each for each in ids if each in known and acting.may(Permission.READ, scope_of(known[each]))]
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidInput(f"{len(found)} approvals end in {given}: {', '.join(map(str, found))}")
    if known:
        # They learn nothing of it; the audit does.
        refusals.tell(acting.engine, Forbidden("An approval out of reach was asked for."), actor=acting.identity.name)
    raise NotFound(f"no approval is called {given[:64]!r}", hint="give its id, or the last 8 characters of it")
