"""What needs a person while the page is open."""

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from countersign.policy.roles import Permission
from countersign.records.database.engine import transaction
from countersign.web.acting import Acting, Person
from countersign.web.pages.live.shared import Shared, shared_of
from countersign.web.pages.live.stream import Part, mark_of, stream
from countersign.web.pages.now import Gathered, gather, shown_to
from countersign.web.pages.rendering import part_of
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.viewer import Viewer, viewer_of

router = APIRouter(route_class=PageRoute)
GATHER_SECONDS: Final = 1.0
"""It takes a dozen questions, so all who wait share what was read in this time."""


@router.get("/live/now")
async def live_now(request: Request, acting: Person, state: str = "") -> Response:
    """Send what needs a person as it changes. `state` is that of the page."""
    acting.require(Permission.READ, None)
    found = _Now(acting, viewer_of(request), shared_of(request.app), mark_of(request, state))
    return stream(request, acting, found.render, gather_seconds=GATHER_SECONDS)


@dataclass
class _Now:
    """One open page."""

    acting: Acting
    viewer: Viewer
    shared: Shared[Gathered]
    state: str

    async def render(self, acting: Acting, _heard: tuple[str, ...], since: float) -> Part:
        """Return the page's part where it is another one."""
        self.acting = acting
        found = await self.shared.get(("now", self.viewer.language), self._read, since=since)
        if found.state == self.state:
            return Part("", self.state)
        self.state = found.state
        shown = shown_to(self.acting, found, language=self.viewer.language)
        return Part(part_of("now/body.html", self.viewer, acting=self.acting, **shown), self.state)

    def _read(self) -> Gathered:
        with transaction(self.acting.engine) as session:
            return gather(session, language=self.viewer.language)
