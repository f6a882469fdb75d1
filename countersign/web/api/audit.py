"""`/v1/audit`: the trail that shows when it was tampered with, and proofs of it that are checked elsewhere."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import Row
from sqlmodel import Session

from countersign.audit.exporting import proof_of, verifier_program
from countersign.audit.heads import head_path, read_note, sealer_of
from countersign.audit.notes import open_checkpoint
from countersign.errors import NotFound
from countersign.policy.roles import Permission
from countersign.records.audit_events import Event
from countersign.records.audit_tree import beginning_with, chain_rows, newest_rows, waiting_rows
from countersign.web.acting import Acting, Caller
from countersign.web.api.cursors import tell_next
from countersign.web.api.reach import chain_scopes
from countersign.web.api.responses import problems
from countersign.web.api.words import LARGEST

router = APIRouter(prefix="/audit", tags=["audit"])
Chain = Annotated[
    str,
    Path(
        pattern="^[A-Za-z0-9_.:-]{1,200}$",
        description="an approval's id, or a subject such as control or incident:INC-1",
    ),
]


class RowView(BaseModel):
    """One thing that happened."""

    id: int
    leaf: int | None = Field(description="its place in the sealed tree; null until it is sealed")
    at: datetime
    chain: str
    position: int
    event: str
    sentence: str
    actor: str
    about: str
    details: dict[str, Any]
    hash: str


class HeadView(BaseModel):
    """The newest signed head, and the key that checks it. Keep both elsewhere."""

    note: str
    key: str
    waiting: int = Field(description="rows that are not sealed yet")
    waiting_seconds: float


class ProofView(BaseModel):
    """A chain's rows with what proves them, as `countersign audit export` writes it."""

    form: int
    chain: str
    key: str
    head: str
    rows: list[dict[str, Any]]
    since: int | None
    grown: list[str]
    rotations: list[str] = Field(description="notes of keys that took each other's place, the latest first")


@router.get("/events", responses=problems())
def list_(
    request: Request,
    response: Response,
    acting: Caller,
    *,
    event: Annotated[
        str, Query(max_length=100, description="only events that begin so, for example tampering:")
    ] = "",
    before: Annotated[int | None, Query(ge=1, le=LARGEST, description="only rows with a smaller id")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> list[RowView]:
    """List the newest rows, the newest first; those that the caller's roles reach, so a page may be short. The `Link`
    with `rel="next"` leads to the next page.
    """
    acting.require(Permission.AUDIT, None)
    with acting.records() as session:
        found = newest_rows(session, like=beginning_with(event), before=before, limit=limit)
        scopes = chain_scopes(session, {row.chain for row in found})
    if len(found) == limit:
        tell_next(request, response, before=found[-1].id)
    return [_view(row) for row in found if acting.may(Permission.AUDIT, scopes[row.chain])]


@router.get("/chains/{chain}", responses=problems(404))
def show(chain: Chain, acting: Caller) -> list[RowView]:
    """Return every row of an approval, or of a subject, in order."""
    with acting.records() as session:
        return [_view(row) for row in _rows(session, acting, chain)]


@router.get("/chains/{chain}/proof", response_model=ProofView, responses=problems(404))
def proof(chain: Chain, acting: Caller) -> Response:
    """Return a proof of these rows, which `GET /v1/audit/verifier` checks anywhere with Python alone."""
    with acting.records() as session:
        _rows(session, acting, chain)
    made = proof_of(acting.engine, chain, verifier=sealer_of(acting.services.settings).verifier)
    return Response(
        json.dumps(made, ensure_ascii=False, indent=1),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="audit-{chain}.json"'},
    )


@router.get(
    "/verifier",
    response_class=Response,
    responses={**problems(), 200: {"description": "the program", "content": {"text/x-python": {}}}},
)
def verifier(acting: Caller) -> Response:
    """Return the program that checks a proof: one file that needs Python alone."""
    acting.require(Permission.AUDIT, None)
    headers = {"Content-Disposition": 'attachment; filename="verify.py"'}
    return Response(verifier_program(), media_type="text/x-python", headers=headers)


@router.get("/head", responses=problems(404))
def head(acting: Caller) -> HeadView:
    """Return the newest head and the key that checks it."""
    acting.require(Permission.AUDIT, None)
    settings = acting.services.settings
    sealer = sealer_of(settings)
    note = read_note(head_path(settings))
    if note is None:
        raise NotFound("Nothing is sealed yet.", hint="the worker seals what is committed, once a second")
    open_checkpoint(note, sealer.verifier)
    with acting.records() as session:
        rows, seconds = waiting_rows(session)
    return HeadView(note=note, key=str(sealer.verifier), waiting=rows, waiting_seconds=seconds)


def _rows(session: Session, acting: Acting, chain: str) -> Sequence[Row[Any]]:
    acting.require(Permission.AUDIT, None)
    found = chain_rows(session, chain)
    if not found:
        raise NotFound(f"The audit has no rows of {chain}.", hint="GET /v1/audit/events shows the newest")
    acting.require(Permission.AUDIT, chain_scopes(session, {chain})[chain])
    return found


def _view(row: Row[Any]) -> RowView:
    known = row.event in set(Event)
    return RowView(
        id=row.id,
        leaf=row.leaf_index,
        at=row.at,
        chain=row.chain,
        position=row.position,
        event=row.event,
        sentence=Event(row.event).sentence() if known else row.event,
        actor=row.actor,
        about=row.about,
        details=json.loads(row.details),
        hash=row.hash.hex(),
    )
