"""Reconciliation: what may be left lying, how many of each and for how long; steps that gave up."""

import asyncio
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from countersign.errors import NotFound
from countersign.policy.access import EVERYTHING
from countersign.policy.roles import Permission
from countersign.records.dead_letters import open_letters, replay_letters
from countersign.records.queries import approvals_of
from countersign.records.rounds import parts_of_rounds
from countersign.records.tables import DeadLetter
from countersign.web.acting import Person
from countersign.web.api.cursors import write_place
from countersign.web.api.dead_letters import letter_place, read_letter_place
from countersign.web.api.reach import reachable_execution, reached
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute
from countersign.worker.run_starter import start_reconciliation

router = APIRouter(prefix="/reconciliation", route_class=PageRoute)
LETTERS_SHOWN: Final = 50


@router.get("")
def show(request: Request, acting: Person, after: str = "") -> Response:
    """Show what the last round found of each kind, and the letters from behind a place."""
    acting.require(Permission.READ)
    with acting.records() as session:
        letters = open_letters(session, after=read_letter_place(after), limit=LETTERS_SHOWN + 1)
        whose = approvals_of(session, {each.execution_id for each in letters})
        items, more = letters[:LETTERS_SHOWN], len(letters) > LETTERS_SHOWN
        seen = reached(session, acting, items, [whose.get(each.execution_id) for each in items])
        return page(
            request,
            acting,
            "reconciliation/page.html",
            parts=parts_of_rounds(session),
            letters=[{"row": each, "approval_id": whose.get(each.execution_id)} for each in seen],
            after=after,
            next=write_place(letter_place(items[-1])) if more else "",
            may_operate=acting.may(Permission.OPERATE, EVERYTHING),
        )


@router.post("/rounds")
def start(acting: Person) -> Response:
    """Start a round now, beside those of the schedule; two at once do no harm."""
    acting.require(Permission.OPERATE)
    asyncio.run(start_reconciliation())
    return RedirectResponse("/reconciliation", status_code=303)


@router.post("/replay")
def replay(acting: Person, letter: Annotated[UUID, Form()]) -> Response:
    """Let a step that gave up begin again with all its attempts."""
    with acting.records() as session:
        found = session.get(DeadLetter, letter)
        if found is None:
            raise NotFound(f"dead letter {letter} does not exist")
        reachable_execution(session, acting, found.execution_id, Permission.OPERATE)
        replay_letters(session, [letter])
    return RedirectResponse("/reconciliation", status_code=303)
