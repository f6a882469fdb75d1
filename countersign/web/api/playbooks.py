"""`/v1/playbooks`: repairs that worked, how far they are trusted, and what people decide about them.

What widens what runs without a person (approving one, giving it back) is for policy administrators; what narrows it
(deprecating one) is for executors.
"""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field, StringConstraints
from sqlmodel import Session

from countersign.actions.rendering import render as render_actions
from countersign.aftermath.learning.content import said_by
from countersign.aftermath.learning.playbook_decisions import approve as approve_playbook
from countersign.aftermath.learning.playbook_decisions import deprecate as deprecate_playbook
from countersign.aftermath.learning.playbook_decisions import restore as restore_playbook
from countersign.aftermath.learning.playbook_document import write_playbooks
from countersign.aftermath.learning.subjects import steps_subject
from countersign.aftermath.learning.trust import read_trust
from countersign.masking import masked
from countersign.policy.roles import Permission
from countersign.records.playbooks import changes_of, get_playbook, list_playbooks, versions_of
from countersign.records.states import PlaybookChangeKind, PlaybookStatus, VersionOrigin
from countersign.records.tables import Playbook
from countersign.web.acting import Acting, Caller
from countersign.web.api.responses import problems
from countersign.web.api.words import Given, Said, Text, Word

router = APIRouter(prefix="/playbooks", tags=["playbooks"])
Name = Annotated[str, Path(pattern="^[A-Za-z0-9-]{1,120}$", description="its name, or its id")]


class TrustView(BaseModel):
    """How far its present steps are trusted."""

    bound: float = Field(description="lower bound of the share of runs that help")
    mean: float
    runs: int
    half_life_seconds: float = Field(description="after this long an observation weighs half as much")


class PlaybookView(BaseModel):
    """A repair."""

    id: str
    name: str
    title: str
    status: PlaybookStatus
    version: int
    symptom: list[str]
    steps: list[str]
    people_only: str | None = Field(description="why it needs a person's approval although it is approved")
    people_only_since: datetime | None
    trust: TrustView


class VersionView(BaseModel):
    """One wording of it."""

    version: int
    origin: VersionOrigin
    symptom: list[str]
    steps: list[str]
    created_at: datetime


class ChangeView(BaseModel):
    """Who changed what about it, and why."""

    what: PlaybookChangeKind
    by: str
    reason: str
    at: datetime


class WholePlaybookView(PlaybookView):
    """A repair with its history."""

    document: str = Field(description="as its file says it, YAML")
    versions: list[VersionView]
    changes: list[ChangeView]


class Approve(Given):
    """Which version, and why."""

    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        default=None, description="use this one from now on; the present one unless said"
    )
    reason: Text = ""


class Because(Given):
    """Why; kept on record."""

    reason: Said


class Values(Given):
    """A value for each variable of its steps."""

    variables: dict[
        Annotated[str, StringConstraints(pattern="^[a-z_]{1,40}$")], Annotated[str, StringConstraints(max_length=253)]
    ] = Field(default_factory=dict, max_length=20, examples=[{"name": "api", "namespace": "prod"}])


class Rendered(BaseModel):
    """What it becomes, ready to be filed."""

    actions: list[str]


@router.get("", responses=problems())
def list_(acting: Caller, status: PlaybookStatus | None = None, alert: Word | None = None) -> list[PlaybookView]:
    """List playbooks by name, with the trust in the steps that they have in use."""
    acting.require(Permission.READ)
    with acting.records() as session:
        return [_view(session, acting, row) for row in list_playbooks(session, status=status, alert=alert)]


@router.get("/{name}", responses=problems(404))
def show(name: Name, acting: Caller) -> WholePlaybookView:
    """Return a playbook: what it says, the trust in it, its versions and who changed what."""
    acting.require(Permission.READ)
    with acting.records() as session:
        return _whole(session, acting, get_playbook(session, name))


@router.post("/{name}/approve", response_model=PlaybookView, responses=problems(404, idempotent=True))
def approve(name: Name, body: Approve, acting: Caller) -> Response:
    """Approve a playbook, or another version of it."""
    acting.require(Permission.GOVERN)

    def work(session: Session) -> PlaybookView:
        by = acting.identity.name
        decided = approve_playbook(session, name, by=by, reason=body.reason, version=body.version)
        return _view(session, acting, decided.playbook)

    return acting.once(work)


@router.post("/{name}/deprecate", response_model=PlaybookView, responses=problems(404, idempotent=True))
def deprecate(name: Name, body: Because, acting: Caller) -> Response:
    """Take a playbook out of use; what it said and showed stays on record."""
    acting.require(Permission.OPERATE)

    def work(session: Session) -> PlaybookView:
        decided = deprecate_playbook(session, name, by=acting.identity.name, reason=body.reason)
        return _view(session, acting, decided.playbook)

    return acting.once(work)


@router.post("/{name}/restore", response_model=PlaybookView, responses=problems(404, idempotent=True))
def restore(name: Name, body: Because, acting: Caller) -> Response:
    """Give a playbook that was left to people back to the auto-approver."""
    acting.require(Permission.GOVERN)

    def work(session: Session) -> PlaybookView:
        decided = restore_playbook(session, name, by=acting.identity.name, reason=body.reason)
        return _view(session, acting, decided.playbook)

    return acting.once(work)


@router.post("/{name}/render", response_model=Rendered, responses=problems(404, idempotent=True))
def render(name: Name, body: Values, acting: Caller) -> Response:
    """Return the actions that a playbook becomes with these variables. Nothing is filed."""
    acting.require(Permission.READ)

    def work(session: Session) -> Rendered:
        playbook = get_playbook(session, name)
        actions = render_actions(said_by(playbook.symptom, playbook.steps).actions, body.variables)
        return Rendered(actions=list(actions))

    return acting.once(work)


def _view(session: Session, acting: Acting, row: Playbook) -> PlaybookView:
    said = said_by(row.symptom, row.steps)
    subject = steps_subject(row.id, row.steps_hash)
    half_life = acting.services.settings.trust_half_life_seconds
    trust = read_trust(session, [subject], now=datetime.now(UTC), half_life_seconds=half_life)[subject]
    return PlaybookView(
        id=str(row.id),
        name=row.name,
        title=masked(row.title),
        status=row.status,
        version=row.version,
        symptom=[str(matcher) for matcher in said.symptom],
        steps=[masked(action) for action in said.actions],
        people_only=row.people_only_reason,
        people_only_since=row.people_only_since,
        trust=TrustView(
            bound=round(trust.bound, 4), mean=round(trust.mean, 4), runs=trust.runs, half_life_seconds=half_life
        ),
    )


def _whole(session: Session, acting: Acting, row: Playbook) -> WholePlaybookView:
    versions = [
        VersionView(
            version=each.version,
            origin=each.origin,
            symptom=[str(matcher) for matcher in said_by(each.symptom, each.steps).symptom],
            steps=[masked(action) for action in said_by(each.symptom, each.steps).actions],
            created_at=each.created_at,
        )
        for each in versions_of(session, row.id)
    ]
    changes = [
        ChangeView(what=each.what, by=each.by, reason=masked(each.reason), at=each.at)
        for each in changes_of(session, row.id)
    ]
    return WholePlaybookView(
        **_view(session, acting, row).model_dump(),
        document=masked(write_playbooks([row])),
        versions=versions,
        changes=changes,
    )
