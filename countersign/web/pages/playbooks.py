"""Playbooks: the symptom, the steps, how far they are trusted and why, and what people decide about them."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from countersign.aftermath.learning import playbook_decisions
from countersign.aftermath.learning.content import said_by
from countersign.aftermath.learning.subjects import steps_subject
from countersign.aftermath.learning.trust import Trust, read_trust
from countersign.execution.policy.difference import Named, difference
from countersign.policy.access import EVERYTHING
from countersign.policy.roles import Permission
from countersign.records.playbooks import changes_of, get_playbook, list_playbooks, versions_of
from countersign.records.states import PlaybookStatus
from countersign.records.tables import Playbook
from countersign.web.acting import Acting, Person
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute

router = APIRouter(prefix="/playbooks", route_class=PageRoute)
TONES: Final = {PlaybookStatus.DRAFT: "todo", PlaybookStatus.APPROVED: "ok", PlaybookStatus.DEPRECATED: "off"}


@router.get("")
def list_(request: Request, acting: Person) -> Response:
    """List playbooks by name, with the trust in the steps that they have in use."""
    acting.require(Permission.READ)
    with acting.records() as session:
        found = [_shown(session, acting, row) for row in list_playbooks(session)]
    return page(request, acting, "playbooks/list.html", playbooks=found)


@router.get("/{name}")
def show(request: Request, acting: Person, name: str) -> Response:
    """Show a playbook with its versions, and what each changed."""
    acting.require(Permission.READ)
    with acting.records() as session:
        row = get_playbook(session, name)
        versions = sorted(versions_of(session, row.id), key=lambda each: each.version)
        texts = [Named(f"{each.version}", _written(each.symptom, each.steps)) for each in versions]
        before = [Named("0", ""), *texts[:-1]]
        told = [
            {"row": each, "changed": difference(old, new) if each.version > 1 else "", "written": new.document}
            for each, old, new in zip(versions, before, texts, strict=True)
        ]
        return page(
            request,
            acting,
            "playbooks/page.html",
            found=_shown(session, acting, row),
            versions=list(reversed(told)),
            changes=changes_of(session, row.id),
            may_govern=acting.may(Permission.GOVERN, EVERYTHING),
            may_operate=acting.may(Permission.OPERATE, EVERYTHING),
        )


@router.post("/{name}/approve")
def approve(
    acting: Person, name: str, version: Annotated[int, Form()], reason: Annotated[str, Form()] = ""
) -> Response:
    """Approve a playbook in one of its versions."""
    acting.require(Permission.GOVERN)
    with acting.records() as session:
        playbook_decisions.approve(session, name, by=acting.identity.name, reason=reason, version=version)
    return RedirectResponse(f"/playbooks/{name}", status_code=303)


@router.post("/{name}/deprecate")
def deprecate(acting: Person, name: str, reason: Annotated[str, Form()] = "") -> Response:
    """Take a playbook out of use."""
    acting.require(Permission.OPERATE)
    with acting.records() as session:
        playbook_decisions.deprecate(session, name, by=acting.identity.name, reason=reason)
    return RedirectResponse(f"/playbooks/{name}", status_code=303)


@router.post("/{name}/restore")
def restore(acting: Person, name: str, reason: Annotated[str, Form()] = "") -> Response:
    """Give a playbook that was left to people back to the auto-approver."""
    acting.require(Permission.GOVERN)
    with acting.records() as session:
        playbook_decisions.restore(session, name, by=acting.identity.name, reason=reason)
    return RedirectResponse(f"/playbooks/{name}", status_code=303)


def _shown(session: Session, acting: Acting, row: Playbook) -> dict[str, Any]:
    said = said_by(row.symptom, row.steps)
    subject = steps_subject(row.id, row.steps_hash)
    half_life = acting.services.settings.trust_half_life_seconds
    trust = read_trust(session, [subject], now=datetime.now(UTC), half_life_seconds=half_life)[subject]
    return {
        "row": row,
        "tone": TONES[row.status],
        "symptom": [str(matcher) for matcher in said.symptom],
        "steps": list(said.actions),
        "trust": trust,
        "bar": _bar(trust),
        "promote": acting.services.settings.trust_promote_bound,
    }


def _bar(trust: Trust) -> dict[str, int]:
    """Return where the lower bound and the mean of the trust lie on a line of 100."""
    return {"bound": round(100 * trust.bound), "mean": round(100 * trust.mean)}


def _written(symptom: dict[str, Any], steps: dict[str, Any]) -> str:
    said = said_by(symptom, steps)
    return "\n".join([*(f"when {matcher}" for matcher in said.symptom), *said.actions])
