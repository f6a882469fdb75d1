"""Where a page of a list ended, as a word that clients hand back unread."""

import base64
import binascii
import json
from datetime import datetime
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from countersign.errors import InvalidInput
from countersign.records.approvals import Position
from countersign.records.places import Place


def write_place(place: Place) -> str:
    """Return the cursor of what follows `place`."""
    said = json.dumps([place.created_at.isoformat(), place.id]).encode()
    return base64.urlsafe_b64encode(said).decode().rstrip("=")


def read_place(cursor: str | None) -> Place | None:
    """Return where to go on, None at the beginning. Raises InvalidInput."""
    if not cursor:
        return None
    try:
        at, name = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = Place(datetime.fromisoformat(at), name)
    except (ValueError, TypeError, AttributeError, binascii.Error):
        place = None
    if place is None or place.created_at.tzinfo is None or not isinstance(place.id, str) or "\0" in place.id:
        raise InvalidInput("cursor: was not made here", hint="take `next` of a page as it is")
    return place


def write_cursor(position: Position) -> str:
    """Return the cursor of what follows `position`."""
    return write_place(Place(position.created_at, position.id.hex))


def read_cursor(cursor: str | None) -> Position | None:
    """Return where to go on, None at the beginning; what follows has UUIDs. Raises InvalidInput."""
    place = read_place(cursor)
    if place is None:
        return None
    try:
        return Position(place.created_at, UUID(hex=place.id))
    except ValueError:
        raise InvalidInput("cursor: was not made here", hint="take `next` of a page as it is") from None


def tell_next(request: Request, response: Response, **query: object) -> None:
    """Say in the head of an answer where its list goes on, as RFC 8288 does: its body is the list alone."""
    url = request.url.include_query_params(**query)
    response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
