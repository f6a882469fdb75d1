"""`/v1/dead-letters`, `/v1/replays`: the steps that have used up their attempts, and having them tried again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from countersign.errors import NotFound
from countersign.execution.scope import scope_of
from countersign.masking import masked, masked_values
from countersign.policy.roles import Permission
from countersign.records.approvals import approvals_with
from countersign.records.dead_letters import get_letter, open_letters, replay_letters
from countersign.records.places import Place
from countersign.records.queries import approvals_of
from countersign.records.states import StepName
from countersign.records.tables import DeadLetter
from countersign.web.acting import Acting, Caller
from countersign.web.api.cursors import read_cursor, tell_next, write_place
from countersign.web.api.reach import reachable_execution, reached
from countersign.web.api.responses import problems
from countersign.web.api.words import Given, NextCursor

router = APIRouter(tags=["dead letters"])
AT_A_TIME = 1_000


class LetterView(BaseModel):
    """A step that has used up its attempts."""

    id: UUID
    execution_id: UUID
    name: StepName
    error: str
    payload: dict[str, Any]
    replays: int
    next_replay_at: datetime | None = Field(description="null: only a person replays it")
    created_at: datetime
    resolved_at: datetime | None


class Which(Given):
    """Which letters."""

    kind: StepName | None = Field(default=None, description="only steps of this kind; all unless said")


class Replayed(BaseModel):
    """A step that begins again."""

    execution_id: UUID
    name: StepName


@router.get("/dead-letters", responses=problems())
def list_(
    request: Request,
    response: Response,
    acting: Caller,
    *,
    kind: StepName | None = None,
    cursor: NextCursor = None,
    limit: Annotated[int, Query(ge=1, le=AT_A_TIME)] = 100,
) -> list[LetterView]:
    """List the letters that are not resolved, oldest first; those that the caller's roles reach, so a page may be
    short. The `Link` with `rel="next"` leads to the next page.
    """
    acting.require(Permission.READ, None)
    with acting.records() as session:
        letters = open_letters(session, name=kind, after=read_letter_place(cursor), limit=limit)
        whose = approvals_of(session, {each.execution_id for each in letters})
        seen = reached(session, acting, letters, [whose[each.execution_id] for each in letters])
        if len(letters) == limit:
            tell_next(request, response, cursor=write_place(letter_place(letters[-1])))
        return [_view(each) for each in seen]


def letter_place(letter: DeadLetter) -> Place:
    """Return where a page ends with this letter."""
    return Place(letter.created_at, letter.id.hex)


def read_letter_place(cursor: str | None) -> Place | None:
    """Return behind which letter to go on, None at the beginning. Raises InvalidInput."""
    position = read_cursor(cursor)
    return None if position is None else Place(position.created_at, position.id.hex)


@router.get("/dead-letters/{letter_id}", responses=problems(404))
def show(letter_id: UUID, acting: Caller) -> LetterView:
    """Return a letter."""
    with acting.records() as session:
        return _view(_reachable(session, acting, letter_id, Permission.READ))


@router.post("/dead-letters/{letter_id}/replay", response_model=Replayed, responses=problems(404, idempotent=True))
def replay(letter_id: UUID, acting: Caller) -> Response:
    """Let the step begin again with all its attempts; reconciliation runs it."""

    def work(session: Session) -> Replayed:
        _reachable(session, acting, letter_id, Permission.OPERATE)
        ((execution_id, name),) = replay_letters(session, [letter_id])
        return Replayed(execution_id=execution_id, name=name)

    return acting.once(work)


@router.post("/replays", response_model=list[Replayed], responses=problems(404, idempotent=True))
def replay_all(body: Which, acting: Caller) -> Response:
    """Let all dead steps, or those of a kind, begin again, where the caller's roles reach them."""
    acting.require(Permission.OPERATE, None)

    def work(session: Session) -> list[Replayed]:
        letters = open_letters(session, name=body.kind, limit=AT_A_TIME)
        mine = _operable(session, acting, letters)
        if not mine:
            raise NotFound("no open dead letter is within reach")
        return [Replayed(execution_id=each, name=name) for each, name in replay_letters(session, mine)]

    return acting.once(work)


def _operable(session: Session, acting: Acting, letters: Sequence[DeadLetter]) -> list[UUID]:
    whose = approvals_of(session, {each.execution_id for each in letters})
    known = approvals_with(session, set(whose.values()))
    may = {key: acting.may(Permission.OPERATE, scope_of(approval)) for key, approval in known.items()}
    return [each.id for each in letters if may[whose[each.execution_id]]]


def _reachable(session: Session, acting: Acting, letter_id: UUID, permission: Permission) -> DeadLetter:
    acting.require(permission, None)
    found = get_letter(session, letter_id)
    reachable_execution(session, acting, found.execution_id, permission)
    return found


def _view(row: DeadLetter) -> LetterView:
    return LetterView(
        id=row.id,
        execution_id=row.execution_id,
        name=row.name,
        error=masked(row.error),
        payload=masked_values(row.payload),
        replays=row.replays,
        next_replay_at=row.next_replay_at,
        created_at=row.created_at,
        resolved_at=row.resolved_at,
    )
