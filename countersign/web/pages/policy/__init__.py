"""The policy: what holds now and by whose signatures, its versions, and what each changed."""

from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from countersign.errors import PolicyNotTrusted
from countersign.execution.policy.difference import difference, text_in_force, version_named
from countersign.execution.policy.in_force import policy_source
from countersign.policy.document import Policy
from countersign.policy.roles import Permission
from countersign.records.policy_versions import get_version, in_force, signatures_on, versions
from countersign.records.tables import PolicyVersionRow
from countersign.web.acting import Person
from countersign.web.pages.passkeys_of import site_of
from countersign.web.pages.policy import proposing, signing, trying
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute

router = APIRouter(route_class=PageRoute)
router.include_router(proposing.router)
router.include_router(signing.router)
router.include_router(trying.router)
VERSIONS_SHOWN: Final = 50


@router.get("/policy")
def show(request: Request, acting: Person) -> Response:
    """Show the policy that is in force, and its versions."""
    acting.require(Permission.READ)
    problem: PolicyNotTrusted | None = None
    document, administrators = "", tuple[str, ...]()
    try:
        found = policy_source(acting.services.settings, acting.engine).read()
        document, administrators = found.document, found.administrators
    except PolicyNotTrusted as error:
        problem = error
    policy = acting.services.policy
    with acting.records() as session:
        mark = in_force(session)
        rows = versions(session, limit=VERSIONS_SHOWN)
        return page(
            request,
            acting,
            "policy/page.html",
            policy=policy,
            windows=_windows(policy),
            mark=acting.services.policy_mark or mark,
            document=document,
            administrators=administrators,
            problem=problem,
            may_propose=acting.may(Permission.GOVERN) and acting.services.settings.policy_file is None,
            versions=[_version(session, row, mark.number if mark else None) for row in rows],
        )


@router.get("/policy/{number}")
def version(request: Request, acting: Person, number: int) -> Response:
    """Show a version: what it changes, who signed it, its text."""
    acting.require(Permission.READ)
    with acting.records() as session:
        row = get_version(session, number)
        mark = in_force(session)
        # What was in force is compared with already.
        first = number == 1 or (mark is not None and mark.number == number - 1)
        before = None if first else version_named(session, number - 1)
        now = text_in_force(session)
        mine = version_named(session, number)
        found = _version(session, row, mark.number if mark else None)
        return page(
            request,
            acting,
            "policy/version.html",
            version=found,
            signing=signing.signing(session, acting, row, waits=found["state"] == "waiting"),
            site=site_of(acting.services.settings),
            may_propose=acting.may(Permission.GOVERN) and acting.services.settings.policy_file is None,
            against_before=difference(before, mine) if before is not None else "",
            against_now=difference(now, mine) if mark is not None and mark.number != number else "",
        )


def _version(session: Session, row: PolicyVersionRow, number_in_force: int | None) -> dict[str, Any]:
    state = "active" if row.number == number_in_force else "waiting" if row.activated_at is None else "past"
    if state == "waiting" and number_in_force is not None and row.number < number_in_force:
        state = "past"
    return {
        "row": row,
        "state": state,
        "tone": {"active": "ok", "waiting": "todo", "past": "off"}[state],
        "signatures": signatures_on(session, row.number),
    }


def _windows(policy: Policy) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return [
        {"window": each, "on": each.is_on(now), "ends": each.ends(now) if each.is_on(now) else None}
        for each in policy.freeze_windows
    ]
