"""Views of the queue that a reader has given names to: filters, kept in a cookie of theirs.

A view is an address and no more, so it can be sent to a colleague as it is; a name for it concerns one reader, and
losing it costs a click. The cookie says whose it is: another person at the same browser has their own beginning.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from countersign.errors import CountersignError, InvalidInput
from countersign.policy.names import require_seen
from countersign.texts import text
from countersign.web.acting import Acting, Person
from countersign.web.pages.preferences import A_YEAR
from countersign.web.pages.queue_filters import FILTERS, only_those
from countersign.web.pages.rendering import with_query
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.viewer import viewer_of
from countersign.web.sealed_cookies import bytes_of, text_of
from countersign.web.sessions import set_cookie

router = APIRouter(prefix="/approvals/views", route_class=PageRoute)
COOKIE: Final = "__Host-countersign-views"
MOST: Final = 12
MOST_BYTES: Final = 4_000
"""A cookie of more than 4,096 bytes, its name among them, is not kept (RFC 6265bis, 5.6)."""
LONGEST_NAME: Final = 40
LONGEST_VALUE: Final = 80


@dataclass(frozen=True)
class SavedView:
    """A filter with a name."""

    name: str
    status: str = ""
    outcome: str = ""
    verdict: str = ""
    by: str = ""

    @property
    def filters(self) -> dict[str, str]:
        """The filters, by the names that they have in an address."""
        return {name: getattr(self, name) for name in FILTERS}

    @property
    def address(self) -> str:
        """Where it is."""
        return with_query("/approvals", **self.filters)


def views_of(request: Request, acting: Acting) -> Sequence[SavedView]:
    """Return the reader's views; none where the cookie is another person's, or not one that was made here."""
    try:
        kept: Any = json.loads(bytes_of(request.cookies.get(COOKIE, "")))
        if kept["who"] != acting.identity.key:
            return ()
        return tuple(_checked(each) for each in kept["views"][:MOST])
    except (ValueError, KeyError, TypeError, CountersignError):
        return ()


@router.post("")
def save(
    request: Request,
    acting: Person,
    *,
    name: Annotated[str, Form(max_length=LONGEST_NAME)],
    status: Annotated[str, Form()] = "",
    outcome: Annotated[str, Form()] = "",
    verdict: Annotated[str, Form()] = "",
    by: Annotated[str, Form()] = "",
) -> Response:
    """Give a filter a name; one that has it already is replaced."""
    made = _checked({"name": name.strip(), "status": status, "outcome": outcome, "verdict": verdict, "by": by})
    others = [each for each in views_of(request, acting) if each.name != made.name]
    kept = _written(acting, [*others, made])
    if len(others) >= MOST or len(kept) > MOST_BYTES:
        raise InvalidInput(text("queue.too_many_views", language=viewer_of(request).language, count=len(others)))
    return _answer(kept, back=made.address)


@router.post("/forget")
def forget(request: Request, acting: Person, name: Annotated[str, Form()]) -> Response:
    """Forget a view. What it showed stays as it is, and so does its address."""
    others = [each for each in views_of(request, acting) if each.name != name]
    return _answer(_written(acting, others), back="/approvals")


def _written(acting: Acting, views: Sequence[SavedView]) -> str:
    """Return the cookie's value."""
    listed = [{name: value for name, value in asdict(each).items() if value} for each in views]
    return text_of(json.dumps({"who": acting.identity.key, "views": listed}, ensure_ascii=False).encode())


def _answer(kept: str, *, back: str) -> Response:
    answer = RedirectResponse(back, status_code=303)
    set_cookie(answer, COOKIE, kept, seconds=A_YEAR)
    return answer


def _checked(given: Mapping[str, str]) -> SavedView:
    """Return a view of what is said of it. Raises InvalidInput, TypeError."""
    found = SavedView(**given)
    require_seen(found.name, field="name", line_breaks=False)
    if not found.name.strip():
        raise InvalidInput("name: must not be empty")
    if len(found.name) > LONGEST_NAME or any(len(value) > LONGEST_VALUE for value in found.filters.values()):
        raise InvalidInput(f"name: at most {LONGEST_NAME} characters")
    only_those(**found.filters)
    return found
