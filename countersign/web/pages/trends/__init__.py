"""Trends: how often it worked, how long it took, what stood in the way; charts that are made here."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from countersign.execution.trends import Window, trends
from countersign.policy.roles import Permission
from countersign.web.acting import Person
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.trends.charts import charts_of, rule_named
from countersign.web.pages.viewer import viewer_of

router = APIRouter(prefix="/trends", route_class=PageRoute)


@router.get("")
def show(request: Request, acting: Person, window: Annotated[Window, Query()] = Window.DAY) -> Response:
    """Show a window up to now, for whoever may read about all of it."""
    acting.require(Permission.READ)
    with acting.records() as session:
        found = trends(session, window)
    viewer = viewer_of(request)
    return page(
        request,
        acting,
        "trends/page.html",
        found=found,
        windows=[each.value for each in Window],
        charts=charts_of(found, viewer),
        rule=partial(rule_named, language=viewer.language),
    )
