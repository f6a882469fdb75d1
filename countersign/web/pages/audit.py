"""The audit: what happened, by whom, in an order that nobody can change unseen, and proofs to take along."""

import json
from typing import Any, Final

from fastapi import APIRouter, Request
from sqlalchemy import Row
from starlette.responses import Response

from countersign.errors import NotFound
from countersign.policy.roles import Permission
from countersign.records.audit_events import Event
from countersign.records.audit_tree import beginning_with, chain_rows, last_head, newest_rows, waiting_rows
from countersign.texts import text
from countersign.web.acting import Person
from countersign.web.api.reach import approval_in, chain_scopes
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.viewer import viewer_of

router = APIRouter(prefix="/audit", route_class=PageRoute)
ON_A_PAGE: Final = 50
KINDS: Final = ("", "approval:", "execution:", "gateway:", "control:", "policy:", "access:", "tampering:")
"""What events begin with; the filters."""


@router.get("")
def list_(request: Request, acting: Person, event: str = "", before: int | None = None) -> Response:
    """List the newest rows that the reader's roles reach."""
    acting.require(Permission.AUDIT, None)
    with acting.records() as session:
        found = newest_rows(session, like=beginning_with(event), before=before, limit=ON_A_PAGE + 1)
        scopes = chain_scopes(session, {row.chain for row in found})
        head, waiting = last_head(session), waiting_rows(session)
    items, more = found[:ON_A_PAGE], len(found) > ON_A_PAGE
    language = viewer_of(request).language
    return page(
        request,
        acting,
        "audit/list.html",
        rows=[_shown(row, language) for row in items if acting.may(Permission.AUDIT, scopes[row.chain])],
        event=event,
        kinds=KINDS,
        head=head,
        waiting=waiting,
        before=before,
        next=items[-1].id if more else None,
    )


@router.get("/{chain}")
def show(request: Request, acting: Person, chain: str) -> Response:
    """Show every row of an approval, or of a subject, in order."""
    acting.require(Permission.AUDIT, None)
    with acting.records() as session:
        found = chain_rows(session, chain)
        if not found:
            raise NotFound(f"The audit has no rows of {chain[:64]!r}.")
        acting.require(Permission.AUDIT, chain_scopes(session, {chain})[chain])
    language = viewer_of(request).language
    rows = [_shown(row, language) for row in found]
    return page(request, acting, "audit/chain.html", chain=chain, approval_id=approval_in(chain), rows=rows)


def _shown(row: Row[Any], language: str) -> dict[str, Any]:
    known = row.event in set(Event)
    key = f"audit_event.{row.event.replace(':', '_')}"
    return {
        "row": row,
        "sentence": text(key, language=language) if known else row.event,
        "tone": "bad" if row.event.startswith("tampering:") else "info",
        "details": json.loads(row.details) if isinstance(row.details, str) else row.details,
        "approval_id": approval_in(row.chain),
    }
