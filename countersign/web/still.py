"""Whether those who were let in still are: for what stays open longer than a request.

A token may be revoked, a session ended and a role taken away while somebody's stream is open. Whoever keeps one open
asks before each look, and looks with what is returned.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from fastapi import Request

from countersign.errors import Unauthenticated
from countersign.execution.access import SESSION_IDLE
from countersign.policy.roles import Permission
from countersign.records.access import session_with, token_with
from countersign.records.database.engine import clock
from countersign.web.acting import Acting, doors_of

ENDED: Final = "What let you in has ended."


def still(request: Request, acting: Acting) -> Acting:
    """Return who asks, with the policy that is in force now.

    Raises Unauthenticated where their token or session is not good any more, Forbidden where they may read nothing.
    """
    now = replace(acting, services=doors_of(request).source.now())
    if not _is_let_in(now):
        raise Unauthenticated(ENDED, hint="log in again, or show another token")
    now.require(Permission.READ, None)
    return now


def _is_let_in(acting: Acting) -> bool:
    """Ask the record of what was believed at the start; looking does not keep a session alive."""
    if acting.by.good_until is not None:
        return datetime.now(UTC) < acting.by.good_until
    with acting.records() as session:
        now = clock(session)
        if acting.by.token_id is not None:
            token = token_with(session, acting.by.token_id)
            return token is not None and token.revoked_at is None and now < token.expires_at
        if acting.by.session_id is not None:
            begun = session_with(session, acting.by.session_id)
            return (
                begun is not None
                and begun.ended_at is None
                and now < begun.expires_at
                and now < begun.seen_at + SESSION_IDLE
            )
    return False
