"""The queue while it is open: rows that changed, and new ones on its newest page."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from countersign.execution.scope import scope_of
from countersign.policy.roles import Permission
from countersign.records.approval_list import ApprovalRow, Only, approval_rows, rows_with
from countersign.records.database.engine import transaction
from countersign.records.timeline import approvals_told_of, newest_event
from countersign.web.acting import Acting, Person
from countersign.web.pages.live.shared import Shared, shared_of
from countersign.web.pages.live.stream import Part, mark_of, stream
from countersign.web.pages.queue import ON_A_PAGE, fingerprint, position, row_shown
from countersign.web.pages.queue_filters import only_those
from countersign.web.pages.rendering import part_of
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.viewer import Viewer, viewer_of

router = APIRouter(route_class=PageRoute)
MOST_ROWS: Final = 20
"""More that changed at once are read as the list."""
APART_SECONDS: Final = 1.0
"""Where much happens, a list is looked at once a second: each row shows what it came to."""
IDLE_SECONDS: Final = 5.0
LONGEST_NUMBER: Final = 19
OVERLAP: Final = 50
"""Events before the one that the list was read after: what was not committed by then has a lower number."""
Rendered = tuple[ApprovalRow, str]


@dataclass(frozen=True)
class _Read:
    """Rows, and the newest event before they were read."""

    rows: Sequence[Rendered]
    newest: int


@dataclass(frozen=True)
class _Meanwhile:
    """What became of a list that nobody sent anything to for a while."""

    listed: Sequence[Rendered]
    changed: Sequence[Rendered]
    newest: int


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
    since: str = "",
) -> Response:
    """Send rows of the queue as they change. `since` is the newest event when the page was made."""
    acting.require(Permission.READ, None)
    only = only_those(status=status, outcome=outcome, verdict=verdict, by=by)
    found = _Rows(acting, viewer_of(request), shared_of(request.app), only, before, _event(mark_of(request, since)))
    return stream(request, acting, found.render, apart_seconds=APART_SECONDS, packed=True)


@dataclass
class _Rows:
    """One open list."""

    acting: Acting
    viewer: Viewer
    shared: Shared[Any]
    only: Only
    before: str
    """Where the page above ended, empty on the newest page."""
    after: int | None
    """The newest event when the browser got what it has; None once it was sent what happened since."""
    sent: dict[UUID, str] = field(default_factory=dict)
    """What of each row the browser has."""

    async def render(self, acting: Acting, heard: tuple[str, ...], since: float) -> Part:
        """Return the rows that the browser does not have yet as they are."""
        self.acting = acting
        if self.after is not None:
            return await self._catch_up(self.after, since)
        if 0 < len(heard) <= MOST_ROWS:
            found: list[_Read] = [await self._get(("row", each), partial(self._one, each), since) for each in heard]
        else:
            # Pages that look without having heard of anything do so at any time: they share what one of them read.
            newest = since if heard else since - IDLE_SECONDS
            found = [await self._get(("list", self.only, self.before), self._listed, newest)]
        html = "".join(self._new(rendered for each in found for rendered in each.rows))
        return Part(html, str(min(each.newest for each in found)))

    async def _get(self, key: tuple[Hashable, ...], read: Callable[[], Any], since: float) -> Any:
        return await self.shared.get((*key, self.viewer), read, since=since)

    async def _catch_up(self, after: int, since: float) -> Part:
        key = ("meanwhile", after, self.only, self.before)
        found: _Meanwhile = await self._get(key, partial(self._meanwhile, after), since)
        self.after = None
        listed, changed = {row.approval.id for row, _ in found.listed}, {row.approval.id for row, _ in found.changed}
        # Rows about which nothing was told are as the browser has them.
        self.sent.update(
            (row.approval.id, fingerprint(row)) for row, _ in found.listed if row.approval.id not in changed
        )
        html = "".join(
            html if row.approval.id in listed else _in_place(html)
            for row, html in found.changed
            if self._may_see(row)
        )
        self.sent.update((row.approval.id, fingerprint(row)) for row, _ in found.changed)
        return Part(html, str(found.newest))

    def _one(self, approval_id: str) -> _Read:
        with transaction(self.acting.engine) as session:
            newest = newest_event(session)
            rows = rows_with(session, [UUID(approval_id)])
        return _Read(self._rendered(rows.values()), newest)

    def _listed(self) -> _Read:
        with transaction(self.acting.engine) as session:
            newest = newest_event(session)
            rows = approval_rows(session, self.only, before=position(self.before), limit=ON_A_PAGE)
        return _Read(self._rendered(rows), newest)

    def _meanwhile(self, after: int) -> _Meanwhile:
        with transaction(self.acting.engine) as session:
            newest = newest_event(session)
            changed = rows_with(session, approvals_told_of(session, after=after - OVERLAP))
            listed = approval_rows(session, self.only, before=position(self.before), limit=ON_A_PAGE)
        return _Meanwhile(self._rendered(listed, fresh=False), self._rendered(changed.values(), fresh=False), newest)

    def _rendered(self, rows: Iterable[ApprovalRow], *, fresh: bool = True) -> Sequence[Rendered]:
        return [(row, self._html(row, fresh=fresh)) for row in rows]

    def _html(self, row: ApprovalRow, *, fresh: bool) -> str:
        shown = row_shown(row, language=self.viewer.language)
        html = part_of("queue/row.html", self.viewer, row=shown, fresh=fresh)
        # It is sent to everybody who has the list open, without what makes the template legible.
        return "".join(line.strip() for line in html.splitlines())

    def _may_see(self, row: ApprovalRow) -> bool:
        return self.acting.may(Permission.READ, scope_of(row.approval))

    def _new(self, found: Iterable[Rendered]) -> Iterable[str]:
        for row, html in found:
            state = fingerprint(row)
            if self.sent.get(row.approval.id) != state and self._may_see(row):
                self.sent[row.approval.id] = state
                yield html if not self.before and _fits(row, self.only) else _in_place(html)


def _in_place(html: str) -> str:
    """Return a row that is put only where it is shown already."""
    return html.replace("<li ", '<li hx-swap-oob="true" ', 1)


def _event(mark: str) -> int:
    """Return the event that a mark names; with any other mark the browser is sent all that was told of."""
    return int(mark) if mark.isdecimal() and len(mark) < LONGEST_NUMBER else 0


def _fits(row: ApprovalRow, only: Only) -> bool:
    approval = row.approval
    return (
        only.status in (None, approval.status)
        and only.outcome in (None, row.outcome)
        and only.verdict in (None, row.verdict)
        and (only.requester is None or only.requester.lower() == approval.requested_by.lower())
    )
