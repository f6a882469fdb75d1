"""One approval while its page is open: from the first signature to the last step, without a reload."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from countersign.policy.roles import Permission
from countersign.web.acting import Acting, Person
from countersign.web.pages.approval.record import told
from countersign.web.pages.approval.view import page_values
from countersign.web.pages.live.stream import Part, mark_of, stream
from countersign.web.pages.rendering import part_of
from countersign.web.pages.routing import PageRoute, reachable
from countersign.web.pages.viewer import Viewer, viewer_of

router = APIRouter(route_class=PageRoute)


@router.get("/live/approvals/{name}")
def live_approval(request: Request, acting: Person, name: str, state: str = "", shown: str = "") -> Response:
    """Send the approval's article as it changes. `state` is that of the page, `shown` the hash on it."""
    with acting.records() as session:
        about = reachable(session, acting, name, Permission.READ).id
    found = _Article(acting, viewer_of(request), about, mark_of(request, state), shown)
    return stream(request, acting, found.render, about=str(about))


@dataclass
class _Article:
    """One open page."""

    acting: Acting
    viewer: Viewer
    about: UUID
    state: str
    shown: str
    words: str = ""
    """Where it stood when it was looked at last."""

    async def render(self, acting: Acting, _heard: tuple[str, ...], _since: float) -> Part:
        """Return the article where it is another one, and in words where it stands, for whoever listens."""
        self.acting = acting
        return await asyncio.to_thread(self._read)

    def _read(self) -> Part:
        with self.acting.records() as session:
            found = told(session, reachable(session, self.acting, str(self.about), Permission.READ).id)
        values = page_values(self.acting, found, language=self.viewer.language)
        before, self.words = self.words, values["state"].words
        if values["live_state"] == self.state:
            return Part("", self.state)
        self.state = values["live_state"]
        known = {"acting": self.acting, "csrf": self.acting.csrf, "seen_hash": self.shown}
        article = part_of("approval/article.html", self.viewer, **known, **values)
        said = part_of("said.html", self.viewer, words=self.words) if self.words != before else ""
        return Part(article + said, self.state)
