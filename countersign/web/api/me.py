"""`/v1/me` and `/v1/tokens`: who is asking, what they may, and the tokens of programs."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session

from countersign.errors import Forbidden, NotFound
from countersign.execution.access import make_token, revoke_token
from countersign.policy.access import Kind, roles_of
from countersign.policy.roles import Permission, Role
from countersign.records.access import token_with, tokens_of
from countersign.records.tables import AccessToken
from countersign.web.acting import Acting, Caller
from countersign.web.api.responses import problems

router = APIRouter(tags=["access"])


class Me(BaseModel):
    """Who is asking."""

    name: str
    kind: Kind
    groups: list[str]
    roles: list[Role]
    """Held anywhere."""
    limited_to: list[Role] | None


class TokenView(BaseModel):
    """A token, without what is shown."""

    id: UUID
    subject: str
    kind: Kind
    label: str
    roles: list[Role]
    created_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewToken(BaseModel):
    """A token for oneself. One for somebody else is made where Countersign runs: `countersign tokens new`."""

    model_config = ConfigDict(extra="forbid")

    subject: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description="the caller, and nobody else"
    )
    label: Annotated[str, StringConstraints(max_length=200)] = ""
    roles: list[Role] = Field(default_factory=list, description="no more than these of the subject's; none is all")
    days: Annotated[float, Field(gt=0, le=366)] = 30


class MadeToken(BaseModel):
    """The token, shown this once."""

    id: UUID
    token: str | None = Field(description="null where the answer is repeated for its idempotency key")
    expires_at: datetime


@router.get("/me", responses=problems())
def me(acting: Caller) -> Me:
    """Say who is asking and what roles they hold."""
    who = acting.identity
    limited = sorted(who.limited_to) if who.limited_to is not None else None
    roles = list(roles_of(acting.services.policy, who))
    return Me(name=who.name, kind=who.kind, groups=sorted(who.groups), roles=roles, limited_to=limited)


@router.get("/tokens", responses=problems())
def list_(acting: Caller) -> list[TokenView]:
    """List the caller's tokens; for policy administrators, everybody's."""
    subject = None if acting.may(Permission.GOVERN) else acting.identity.name
    with acting.records() as session:
        return [_view(row) for row in tokens_of(session, subject)]


@router.post("/tokens", status_code=201, response_model=MadeToken, responses=problems(idempotent=True))
def make(body: NewToken, acting: Caller) -> Response:
    """Make a token. It is in this answer and nowhere else: an answer that is repeated for its key has none."""
    if body.subject is not None and not acting.identity.is_named(body.subject):
        # Whoever governs could else file in another's name, and sign it in their own.
        raise Forbidden(
            f"A token of {body.subject} is made where Countersign runs.",
            hint="countersign tokens new, by whoever may read the trust folder",
        )
    _require_no_more(acting, body)

    def work(session: Session) -> MadeToken:
        made = make_token(
            session,
            acting.services.seal,
            subject=acting.identity.name,
            kind=acting.identity.kind,
            roles=body.roles,
            label=body.label,
            life=_life(acting, body),
            by=acting.identity.name,
        )
        return MadeToken(id=made.id, token=made.secret.get_secret_value(), expires_at=made.expires_at)

    return acting.once(work, status=201, keep=lambda made: made.model_copy(update={"token": None}))


@router.post("/tokens/{token_id}/revoke", response_model=TokenView, responses=problems(404, idempotent=True))
def revoke(token_id: UUID, acting: Caller) -> Response:
    """Revoke a token of the caller's; for policy administrators, anybody's."""

    def work(session: Session) -> TokenView:
        found = token_with(session, token_id)
        mine = found is not None and acting.identity.is_named(found.subject)
        if not mine and not acting.may(Permission.GOVERN):
            raise NotFound(f"token {token_id} does not exist")
        return _view(revoke_token(session, token_id, by=acting.identity.name))

    return acting.once(work)


def _life(acting: Acting, body: NewToken) -> timedelta:
    """A token that is made by a token does not outlive it."""
    asked = timedelta(days=body.days)
    return asked if acting.by.expires_in is None else min(asked, acting.by.expires_in)


def _require_no_more(acting: Acting, body: NewToken) -> None:
    """A token that is limited makes none that is not."""
    limited = acting.identity.limited_to
    if limited is None or (body.roles and limited.issuperset(body.roles)):
        return
    raise Forbidden(
        "A token that is limited to some roles makes none that may use others.",
        hint=f"ask for roles among {', '.join(sorted(limited))}",
    )


def _view(row: AccessToken) -> TokenView:
    return TokenView(
        id=row.id,
        subject=row.subject,
        kind=Kind(row.kind),
        label=row.label,
        roles=[Role(name) for name in row.roles],
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
