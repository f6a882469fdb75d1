"""Opens a stream, and keeps it when the token is revoked, the session ended or the role taken away."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import httpx
import pytest

from countersign.execution.access import end_session, revoke_token
from countersign.policy.roles import Role, RoleGrant
from countersign.records.access import tokens_of
from countersign.records.database.engine import transaction
from countersign.web import target_limits
from countersign.web.acting import COOKIE
from tests.attacks.doors import House, house
from tests.web.conftest import ROLES, with_roles
from tests.web.test_api_document import serving
from tests.web.test_approvals import filed

__all__ = ["house"]
SECRET = "SEEN-AFTERWARDS"
STAGING = RoleGrant(roles=(Role.VIEWER,), subjects=("victor",), namespaces=("staging",))


def revoked(house: House) -> None:
    with transaction(house.services.engine) as session:
        for row in tokens_of(session, "victor"):
            revoke_token(session, row.id, by="ann")


def left_without(*grants: RoleGrant) -> Callable[[House], None]:
    """Return what takes victor's role away."""

    def taken(house: House) -> None:
        others = tuple(each for each in ROLES if "victor" not in each.subjects)
        policy = with_roles(house.services.policy, (*others, *grants))
        source = house.app.state.doors.source
        services = source.now()
        source._known = replace(services, policy=policy, reread_policy=lambda: policy)

    return taken


@contextmanager
def lines_of(house: House, path: str, headers: dict[str, str]) -> Iterator[Iterator[str]]:
    with (
        serving(house.app) as address,
        httpx.stream("GET", f"{address}{path}", headers=headers, timeout=40) as answer,
    ):
        assert answer.status_code == 200
        yield answer.iter_lines()


@pytest.mark.parametrize("end", [revoked, left_without(), left_without(STAGING)], ids=["token", "role", "place"])
def test_events_end_with_what_let_their_reader_in(house: House, end: Callable[[House], None]) -> None:
    carol = house.client("carol")
    approval = filed(carol)["id"]
    headers = {"Authorization": f"Bearer {house.token('victor')}"}
    with lines_of(house, f"/v1/approvals/{approval}/events", headers) as lines:
        assert next(lines)
        end(house)
        assert carol.post(f"/v1/approvals/{approval}/cancel", json={"reason": SECRET}).status_code == 200
        assert SECRET not in "".join(lines)


@pytest.mark.parametrize("end", ["session", "role", "place"])
@pytest.mark.parametrize("path", ["/live/approvals/{}", "/live/approvals", "/live/now"])
def test_a_page_ends_with_what_let_its_reader_in(house: House, path: str, end: str) -> None:
    carol, victor = house.client("carol"), house.browser("victor")
    approval = filed(carol)["id"]
    headers = {"Cookie": f"{COOKIE}={victor.client.cookies.get(COOKIE)}"}
    with lines_of(house, path.format(approval), headers) as lines:
        assert next(lines)
        if end == "session":
            with transaction(house.services.engine) as session:
                end_session(session, victor.session_id, by="victor")
        else:
            left_without(*([STAGING] if end == "place" else []))(house)
        carol.post(f"/v1/approvals/{approval}/cancel", json={"reason": SECRET})
        if end != "place" or path == "/live/approvals/{}":
            assert "cancelled" not in "".join(lines)


def test_whoever_waits_is_asked_again(house: House) -> None:
    approval = filed(house.client("carol"))["id"]
    headers = {"Authorization": f"Bearer {house.token('victor')}"}
    seen = []
    with serving(house.app) as address:
        waits = house.app.state.changes.watch

        @contextmanager
        def watch(about: str) -> Iterator[object]:
            with waits(about) as found:
                seen.append(found)
                revoked(house) if len(seen) == 1 else None
                yield found

        house.app.state.changes.watch = watch
        answer = httpx.get(f"{address}/v1/approvals/{approval}?wait=30", headers=headers, timeout=60)
    assert answer.status_code == 401


def test_one_identity_keeps_few_streams_open(house: House) -> None:
    house.app.state.held_open = target_limits.AtOnce(3, "streams")
    approval = filed(house.client("carol"))["id"]
    victor, alice = ({"Authorization": f"Bearer {house.token(name)}"} for name in ("victor", "alice"))
    path = f"/v1/approvals/{approval}/events"
    with serving(house.app) as address, httpx.Client(base_url=address, timeout=40) as client, ExitStack() as stack:

        def opened(who: dict[str, str]) -> int:
            answer = stack.enter_context(client.stream("GET", path, headers=who))
            return answer.status_code

        assert [opened(victor) for _ in range(4)] == [200, 200, 200, 429]
        waits = client.get(f"/v1/approvals/{approval}", params={"wait": 5}, headers=victor)
        assert (waits.status_code, waits.json()["code"]) == (429, "too_many_requests")
        assert int(waits.headers["retry-after"]) >= 1
        assert client.get(f"/v1/approvals/{approval}", headers=victor).status_code == 200
        assert opened(alice) == 200
