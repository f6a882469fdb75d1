"""The system: who takes runs, which clusters and hosts are connected, what holds, and what stands still."""

import asyncio
from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from countersign.errors import ConfigurationError
from countersign.policy.roles import Permission
from countersign.records.audit_tree import last_head, waiting_rows
from countersign.records.control import kill_switch
from countersign.records.database.engine import clock
from countersign.records.queries import open_by_status
from countersign.records.rounds import parts_of_rounds
from countersign.web.acting import Acting, Person
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute
from countersign.worker.availability import Takers, takers_of
from countersign.worker.run_starter import EXECUTE_APPROVAL

router = APIRouter(prefix="/system", route_class=PageRoute)
LATE_SECONDS: Final = 180
"""Rounds come every minute."""


@router.get("")
def show(request: Request, acting: Person) -> Response:
    """Show what the records and the settings say; Prefect is asked beside it."""
    acting.require(Permission.READ)
    with acting.records() as session:
        now = clock(session)
        rounds = [row.looked_at for row in parts_of_rounds(session)]
        return page(
            request,
            acting,
            "system/page.html",
            switch=kill_switch(session),
            counts={status.value: count for status, count in open_by_status(session).items()},
            head=last_head(session),
            waiting=waiting_rows(session),
            last_round=max(rounds, default=None),
            round_is_late=not rounds or (now - max(rounds)).total_seconds() > LATE_SECONDS,
            clusters=_clusters(acting),
            fleet=_fleet(acting),
            mark=acting.services.policy_mark,
            versions={"Countersign": version("countersign"), "Prefect": version("prefect")},
        )


@router.get("/workers")
def workers(request: Request, acting: Person) -> Response:
    """Ask Prefect who takes runs."""
    acting.require(Permission.READ)
    takers: Takers | None = None
    try:
        takers = asyncio.run(takers_of(EXECUTE_APPROVAL))
        obstacle = takers.obstacle
    except ConfigurationError as error:
        obstacle = error
    return page(
        request, acting, "system/workers_page.html", part="system/workers.html", takers=takers, obstacle=obstacle
    )


def _clusters(acting: Acting) -> list[dict[str, Any]]:
    clusters = acting.services.clusters
    return [
        {
            "name": name,
            "default": name == clusters.default,
            "problem": found.message if isinstance(found, ConfigurationError) else "",
        }
        for name, found in sorted(clusters.by_name.items())
    ]


def _fleet(acting: Acting) -> dict[str, Any]:
    fleet = acting.services.fleet
    if fleet is None or isinstance(fleet, ConfigurationError):
        return {"hosts": [], "problem": fleet.message if fleet is not None else ""}
    return {"hosts": sorted(host.name for host in fleet.hosts), "problem": ""}
