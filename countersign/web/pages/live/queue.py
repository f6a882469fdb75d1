"""The queue while it is open: rows that changed, and new ones on its newest page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from countersign.execution.scope import scope_of
from countersign.policy.roles import Permission
from countersign.records.approval_list import ApprovalRow, Only, approval_rows, rows_with
from countersign.records.database.engine import transaction
from countersign.web.acting import Acting, Person
from countersign.web.pages.live.shared import Shared, shared_of
from countersign.web.pages.live.stream import stream
from countersign.web.pages.queue import ON_A_PAGE, fingerprint, only_those, position, row_shown, state_of_list
from countersign.web.pages.rendering import part_of
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.viewer import Viewer, viewer_of

router = APIRouter(route_class=PageRoute)
MOST_ROWS: Final = 20
"""More that changed at once are read as the list."""
Rendered = tuple[ApprovalRow, str]


@router.get("/live/approvals")
async def live_queue(
    request: Request,
    acting: Person,
    *,
    status: str = "",
    outcome: str = "",
    verdict: str = "",
    by: str = "",
    before: str = "",
    state: str = "",
) -> Response:
    """Send rows of the queue as they change. `state` is that of the list as the page has it."""
    acting.require(Permission.READ, None)
    only = only_those(status=status, outcome=outcome, verdict=verdict, by=by)
    found = _Rows(acting, viewer_of(request), shared_of(request.app), only, before, state)
    return stream(request, acting, found.render)


@dataclass
class _Rows:
    """One open list."""

    acting: Acting
    viewer: Viewer
    shared: Shared[Sequence[Rendered]]
    only: Only
    before: str
    """Where the page above ended, empty on the newest page."""
    state: str
    """Of the list that the browser has, until it was looked at."""
    sent: dict[UUID, str] = field(default_factory=dict)
    """What of each row the browser has."""

    async def render(self, acting: Acting, heard: tuple[str, ...], since: float) -> str:
        """Return the rows that the browser does not have yet as they are."""
        self.acting = acting
        if 0 < len(heard) <= MOST_ROWS:
            found = [rendered for each in heard for rendered in await self._one(each, since)]
        else:
            key = ("list", self.only, self.before, self.viewer)
            found = list(await self.shared.get(key, self._listed, since=since))
            if state_of_list(row for row, _ in found) == self.state:
                self.sent.update((row.approval.id, fingerprint(row)) for row, _ in found)
            self.state = ""
        return "".join(self._new(found))

    async def _one(self, approval_id: str, since: float) -> Sequence[Rendered]:
        key = ("row", approval_id, self.viewer)
        return await self.shared.get(key, lambda: self._read(approval_id), since=since)

    def _read(self, approval_id: str) -> Sequence[Rendered]:
        with transaction(self.acting.engine) as session:
            found = rows_with(session, [UUID(approval_id)])
        return [(row, self._html(row)) for row in found.values()]

    def _listed(self) -> Sequence[Rendered]:
        with transaction(self.acting.engine) as session:
            rows = approval_rows(session, self.only, before=position(self.before), limit=ON_A_PAGE)
        return [(row, self._html(row)) for row in rows]

    def _html(self, row: ApprovalRow) -> str:
        return part_of("queue/row.html", self.viewer, row=row_shown(row, language=self.viewer.language), live=True)

    def _new(self, found: Iterable[Rendered]) -> Iterable[str]:
        for row, html in found:
            state = fingerprint(row)
            if self.sent.get(row.approval.id) != state and self.acting.may(Permission.READ, scope_of(row.approval)):
                self.sent[row.approval.id] = state
                yield html if not self.before and _fits(row, self.only) else _in_place(html)


def _in_place(html: str) -> str:
    """Return a row that is put only where it is shown already."""
    return html.replace("<li ", '<li hx-swap-oob="true" ', 1)


def _fits(row: ApprovalRow, only: Only) -> bool:
    approval = row.approval
    return (
        only.status in (None, approval.status)
        and only.outcome in (None, row.outcome)
        and only.verdict in (None, row.verdict)
        and (only.requester is None or only.requester.lower() == approval.requested_by.lower())
    )
