"""Break-glass: what is lifted and by whom, with the time that is left; beginning, confirming and ending it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from countersign.errors import InvalidInput
from countersign.execution.break_glass import begin, confirm, end, wanted_of
from countersign.policy.break_glass import Wanted
from countersign.policy.break_glass_rule import Lift
from countersign.policy.risk import RiskLevel
from countersign.policy.roles import Permission
from countersign.records import break_glass
from countersign.records.database.engine import clock
from countersign.records.tables import BreakGlass
from countersign.texts import text
from countersign.web.acting import Acting, Person
from countersign.web.api.break_glass import BreakGlassView, require_may_end, told, view
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.viewer import viewer_of

router = APIRouter(route_class=PageRoute)
HERE = "/break-glass"


@router.get(HERE)
def show(request: Request, acting: Person) -> Response:
    """Show what is open, what waits for a second person, and the newest ones."""
    acting.require(Permission.READ, None)
    with acting.records() as session:
        now = clock(session)
        rows = [(row, view(row, now)) for row in break_glass.lately(session)]
    return page(
        request,
        acting,
        "break_glass/page.html",
        rule=acting.services.policy.break_glass,
        open_ones=[_shown(acting, row, said) for row, said in rows if said.standing != "ended"],
        over=[said for _, said in rows if said.standing == "ended"],
        may_begin=acting.may(Permission.BREAK_GLASS),
    )


@router.post(HERE)
def start(
    acting: Person,
    *,
    cluster: Annotated[str, Form(min_length=1, max_length=253)],
    minutes: Annotated[int, Form()],
    lifts: Annotated[list[Lift], Form()],
    namespace: Annotated[str, Form(max_length=253)] = "",
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Begin one. It lifts nothing before another person confirms it."""
    rule = acting.services.policy.break_glass
    wanted = Wanted(
        cluster=cluster.strip(),
        lifts=tuple(dict.fromkeys(lifts)),
        minutes=minutes,
        namespace=namespace.strip() or None,
        up_to=rule.up_to if rule is not None else RiskLevel.LOW,
    )
    acting.require(Permission.BREAK_GLASS, wanted.scope)
    services = acting.services
    with told(acting), acting.records() as session:
        begin(session, services.seal, services.policy, acting.by, wanted, reason=reason)
    return RedirectResponse(HERE, status_code=303)


@router.post("/break-glass/{break_glass_id}/confirm")
def confirm_it(
    break_glass_id: UUID,
    request: Request,
    acting: Person,
    seen: Annotated[str, Form(max_length=64)],
    understood: Annotated[str, Form()] = "",
) -> Response:
    """Confirm one, as it was shown."""
    acting.require(Permission.BREAK_GLASS, None)
    if not understood:
        raise InvalidInput(text("kill_switch_page.not_confirmed", language=viewer_of(request).language))
    services = acting.services
    with told(acting), acting.records() as session:
        acting.require(Permission.BREAK_GLASS, wanted_of(break_glass.find(session, break_glass_id)).scope)
        confirm(session, services.seal, services.policy, acting.by, break_glass_id, seen=seen)
    return RedirectResponse(HERE, status_code=303)


@router.post("/break-glass/{break_glass_id}/end")
def end_it(break_glass_id: UUID, acting: Person, reason: Annotated[str, Form()] = "") -> Response:
    """End one at once."""
    require_may_end(acting, None)
    with acting.records() as session:
        require_may_end(acting, wanted_of(break_glass.find(session, break_glass_id)).scope)
        end(session, break_glass_id, by=acting.identity.name, reason=reason)
    return RedirectResponse(HERE, status_code=303)


def _shown(acting: Acting, row: BreakGlass, said: BreakGlassView) -> dict[str, object]:
    scope = wanted_of(row).scope
    mine = acting.may(Permission.BREAK_GLASS, scope)
    return {
        "said": said,
        "may_confirm": mine and row.confirmed_at is None and not acting.identity.is_named(row.begun_by),
        "may_end": mine or acting.may(Permission.OPERATE, scope),
    }
