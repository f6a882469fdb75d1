"""Where a page of a list ended, as a word that clients hand back unread."""

import base64
import binascii
import json
from datetime import datetime
from uuid import UUID

from countersign.errors import InvalidInput
from countersign.records.approvals import Position


def write_cursor(position: Position) -> str:
    """Return the cursor of what follows `position`."""
    said = json.dumps([position.created_at.isoformat(), position.id.hex]).encode()
    return base64.urlsafe_b64encode(said).decode().rstrip("=")


def read_cursor(cursor: str | None) -> Position | None:
    """Return where to go on, None at the beginning. Raises InvalidInput."""
    if cursor is None:
        return None
    try:
        said = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        at, identifier = said
        position = Position(datetime.fromisoformat(at), UUID(hex=identifier))
    except (ValueError, TypeError, AttributeError, binascii.Error):
        position = None
    if position is None or position.created_at.tzinfo is None:
        raise InvalidInput("cursor: was not made here", hint="take `next` of a page as it is")
    return position
