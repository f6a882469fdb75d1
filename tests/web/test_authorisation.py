"""Who may do what: every address of the API, with every role, where its grant holds, where it does not, and unknown.

The table says what each address asks for; an address that is not in it fails. All records are about namespace prod.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from countersign.policy.roles import PERMISSIONS, Permission, Role, RoleGrant
from countersign.web.app import OPENAPI
from tests.execution.conftest import Office
from tests.web.records import ACTION, ALERTS, Furnished, furnished

WHERE = {"everywhere": ("*",), "inside": ("prod",), "outside": ("elsewhere",)}
READ, REQUEST, DECIDE, EXECUTE, OPERATE, GOVERN, AUDIT, BREAK_GLASS = Permission


class Reach(Enum):
    """About what somebody is asked."""

    KNOWN = "whoever is known"
    ANYWHERE = "a grant anywhere will do; what it does not reach is left out"
    THERE = "a grant that holds where the record acts"
    UNLIMITED = "a grant that is limited to no place"


@dataclass(frozen=True)
class Line:
    """What one address asks for."""

    permission: Permission | None
    reach: Reach
    body: Any = None
    other: Permission | None = None
    """One that will do, too."""


KNOWN, ANYWHERE, THERE, UNLIMITED = Reach
SIGNATURE = {
    "decision": "approve",
    "signer": "alice",
    "algorithm": "ed25519",
    "key_id": "k",
    "value": "",
    "hash": "0" * 64,
}
BREAKING = {"cluster": "sandbox", "namespace": "prod", "lifts": ["rate"], "minutes": 1, "reason": "a test"}
TABLE: Mapping[str, Line] = {
    "GET /v1/me": Line(None, KNOWN),
    "GET /v1/tokens": Line(None, KNOWN),
    "POST /v1/tokens": Line(None, KNOWN, {"days": 1}),
    "POST /v1/tokens/{token_id}/revoke": Line(None, KNOWN),
    "GET /v1/status": Line(READ, ANYWHERE),
    "GET /v1/status/takers": Line(READ, ANYWHERE),
    "POST /v1/approvals": Line(REQUEST, THERE, {"action": ACTION}),
    "GET /v1/approvals": Line(READ, ANYWHERE),
    "GET /v1/approvals/ending-in/{end}": Line(READ, ANYWHERE),
    "GET /v1/approvals/{approval_id}": Line(READ, THERE),
    "GET /v1/approvals/{approval_id}/signing": Line(DECIDE, THERE),
    "POST /v1/approvals/{approval_id}/signatures": Line(DECIDE, THERE, {**SIGNATURE, "hash": "0" * 64}),
    "POST /v1/approvals/{approval_id}/cancel": Line(REQUEST, THERE, {}),
    "POST /v1/approvals/{approval_id}/execute": Line(EXECUTE, THERE, {"dry_run": True}),
    "GET /v1/approvals/{approval_id}/preview": Line(READ, THERE),
    "GET /v1/approvals/{approval_id}/record": Line(READ, THERE),
    "GET /v1/approvals/{approval_id}/runs/{flow_run_id}": Line(READ, THERE),
    "GET /v1/approvals/{approval_id}/timeline": Line(READ, THERE),
    "GET /v1/approvals/{approval_id}/events": Line(READ, THERE),
    "GET /v1/approvals/{approval_id}/executions": Line(READ, THERE),
    "GET /v1/executions/{execution_id}": Line(READ, THERE),
    "GET /v1/executions/{execution_id}/journal": Line(READ, THERE),
    "GET /v1/executions/{execution_id}/evidence": Line(READ, THERE),
    "GET /v1/executions/{execution_id}/steps": Line(READ, THERE),
    "POST /v1/executions/{execution_id}/steps/run": Line(OPERATE, THERE),
    "POST /v1/executions/{execution_id}/steps/{name}/replay": Line(OPERATE, THERE),
    "POST /v1/executions/{execution_id}/settle": Line(OPERATE, THERE, {"outcome": "failed", "reason": "seen"}),
    "GET /v1/dead-letters": Line(READ, ANYWHERE),
    "POST /v1/replays": Line(OPERATE, ANYWHERE, {}),
    "GET /v1/dead-letters/{letter_id}": Line(READ, THERE),
    "POST /v1/dead-letters/{letter_id}/replay": Line(OPERATE, THERE),
    "GET /v1/operation-log": Line(READ, ANYWHERE),
    "POST /v1/incidents/alerts": Line(OPERATE, THERE, ALERTS),
    "GET /v1/incidents": Line(READ, ANYWHERE),
    "GET /v1/incidents/{incident_id}": Line(READ, THERE),
    "POST /v1/incidents/{incident_id}/move": Line(OPERATE, THERE, {"status": "open"}),
    "POST /v1/incidents/{incident_id}/resolve": Line(OPERATE, THERE, {}),
    "POST /v1/incidents/{incident_id}/link": Line(OPERATE, THERE, {"approval_id": "{executed}"}),
    "GET /v1/playbooks": Line(READ, UNLIMITED),
    "GET /v1/playbooks/{name}": Line(READ, UNLIMITED),
    "POST /v1/playbooks/{name}/approve": Line(GOVERN, UNLIMITED, {}),
    "POST /v1/playbooks/{name}/deprecate": Line(OPERATE, UNLIMITED, {"reason": "old"}),
    "POST /v1/playbooks/{name}/restore": Line(GOVERN, UNLIMITED, {"reason": "new"}),
    "POST /v1/playbooks/{name}/render": Line(READ, UNLIMITED, {"variables": {"name": "api", "namespace": "prod"}}),
    "GET /v1/knowledge": Line(READ, ANYWHERE),
    "GET /v1/knowledge/{entry_id}": Line(READ, THERE),
    "GET /v1/policy": Line(READ, UNLIMITED),
    "POST /v1/policy/check": Line(READ, ANYWHERE, {"document": "signers: []"}),
    "GET /v1/policy/versions": Line(READ, UNLIMITED),
    "POST /v1/policy/versions": Line(GOVERN, UNLIMITED, {"document": "signers: []", "reason": "a try"}),
    "GET /v1/policy/versions/{number}": Line(READ, UNLIMITED),
    "GET /v1/policy/versions/{number}/difference": Line(READ, UNLIMITED),
    "GET /v1/policy/versions/{number}/signing": Line(GOVERN, UNLIMITED),
    "POST /v1/policy/versions/{number}/signatures": Line(
        GOVERN, UNLIMITED, {"administrator": "ann", "key_id": "k", "value": ""}
    ),
    "POST /v1/policy/versions/{number}/activate": Line(GOVERN, UNLIMITED),
    "GET /v1/kill-switch": Line(READ, ANYWHERE),
    "POST /v1/kill-switch": Line(OPERATE, UNLIMITED, {"on": True, "reason": "a test"}),
    "GET /v1/break-glass": Line(READ, ANYWHERE),
    "POST /v1/break-glass": Line(BREAK_GLASS, THERE, BREAKING),
    "GET /v1/break-glass/{break_glass_id}": Line(READ, ANYWHERE),
    "POST /v1/break-glass/{break_glass_id}/confirm": Line(BREAK_GLASS, THERE, {"seen": "0" * 64}),
    "POST /v1/break-glass/{break_glass_id}/end": Line(OPERATE, THERE, {"reason": "over"}, other=BREAK_GLASS),
    "GET /v1/reconciliation": Line(READ, UNLIMITED),
    "GET /v1/trends": Line(READ, UNLIMITED),
    "POST /v1/reconciliation/rounds": Line(OPERATE, UNLIMITED),
    "GET /v1/audit/events": Line(AUDIT, ANYWHERE),
    "GET /v1/audit/chains/{chain}": Line(AUDIT, THERE),
    "GET /v1/audit/chains/{chain}/proof": Line(AUDIT, THERE),
    "GET /v1/audit/verifier": Line(AUDIT, ANYWHERE),
    "GET /v1/audit/head": Line(AUDIT, ANYWHERE),
    "GET /v1/webhooks": Line(GOVERN, UNLIMITED),
    "POST /v1/webhooks": Line(GOVERN, UNLIMITED, {"url": "https://example.com/", "events": ["*"]}),
    "GET /v1/webhooks/{webhook_id}": Line(GOVERN, UNLIMITED),
    "GET /v1/webhooks/{webhook_id}/deliveries": Line(GOVERN, UNLIMITED),
    "POST /v1/webhooks/{webhook_id}/rotate": Line(GOVERN, UNLIMITED),
    "POST /v1/webhooks/{webhook_id}/enable": Line(GOVERN, UNLIMITED),
    "POST /v1/webhooks/{webhook_id}/test": Line(GOVERN, UNLIMITED),
    "POST /v1/webhooks/{webhook_id}/replay": Line(GOVERN, UNLIMITED, {"event": 1}),
    "POST /v1/webhooks/{webhook_id}/remove": Line(GOVERN, UNLIMITED),
    "GET /v1/webhooks/sources": Line(GOVERN, UNLIMITED),
    "POST /v1/webhooks/sources/{source_id}/end": Line(GOVERN, UNLIMITED),
}
BY_SIGNATURE = (
    "POST /v1/inbound/{source}",
    "POST /v1/chat/slack",
    "POST /v1/chat/discord",
    "POST /v1/chat/telegram",
)
"""No token opens these (tests/attacks/test_signed_requests.py, test_chat_requests_forged.py)."""
EMPTY_OUTSIDE = (
    "/v1/approvals",
    "/v1/dead-letters",
    "/v1/operation-log",
    "/v1/incidents",
    "/v1/knowledge",
    "/v1/audit/events",
)


def routes(app: FastAPI) -> Iterator[str]:
    """Yield every address of the API with its methods, also those that are not in the OpenAPI."""
    for included in app.routes:
        # FastAPI keeps a router that was included as it is; what comes of it is said by its contexts.
        contexts = getattr(included, "effective_route_contexts", None)
        for route in contexts() if contexts is not None else (included,):
            path = getattr(route, "path_format", None) or ""
            if path.startswith("/v1/") and path != OPENAPI:
                yield from (f"{method} {path}" for method in route.methods - {"HEAD"})


def grants() -> tuple[RoleGrant, ...]:
    return tuple(
        RoleGrant(roles=(role,), subjects=(f"{role.replace('_', '-')}.{where}",), namespaces=namespaces)
        for role in Role
        for where, namespaces in WHERE.items()
    )


@pytest.fixture
def rooms(office: Office, tmp_path: Path, prefect_away: None) -> Iterator[Furnished]:
    """The application, in which everybody holds one role in one place."""
    found = furnished(office, tmp_path, roles=grants(), web_requests_per_minute=100_000)
    yield found
    found.house.app.state.changes.close()


def test_every_address_is_in_the_table_and_nothing_else(rooms: Furnished) -> None:
    assert sorted(routes(rooms.house.app)) == sorted([*TABLE, *BY_SIGNATURE])


def test_whoever_is_not_known_gets_nowhere(rooms: Furnished) -> None:
    with rooms.house.client() as client:
        let_in = [name for name in TABLE if asked(client, rooms, name).status_code != 401]
    assert let_in == []


def test_whoever_has_no_role_gets_nowhere_but_to_themselves(rooms: Furnished) -> None:
    with rooms.house.client("nobody") as client:
        let_in = {name for name in TABLE if not refused(asked(client, rooms, name))}
    assert let_in == {name for name, line in TABLE.items() if line.reach is KNOWN}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("role", Role)
def test_a_role_opens_what_its_permissions_say_where_its_grant_holds(
    rooms: Furnished, role: Role, where: str
) -> None:
    wrong = []
    with rooms.house.client(f"{role.replace('_', '-')}.{where}") as client:
        for name, line in TABLE.items():
            answer = asked(client, rooms, name)
            if refused(answer) is may(role, where, line) or answer.status_code in (401, 500):
                wrong.append(f"{name}: {answer.status_code} {answer.text[:200]}")
    assert wrong == []


@pytest.mark.parametrize("where", WHERE)
def test_lists_leave_out_what_is_not_within_reach(rooms: Furnished, where: str) -> None:
    for path in EMPTY_OUTSIDE:
        subject = f"auditor.{where}"
        found = rooms.house.client(subject).get(path).json()
        items = found["items"] if isinstance(found, dict) else found
        assert bool(items) is (where != "outside"), path
    needs = {each["need"] for each in rooms.house.client(f"viewer.{where}").get("/v1/status").json()["items"]}
    assert ("unknown" in needs) is (where != "outside")
    assert ("policy" in needs) is (where == "everywhere")
    authors = [each["author"] for each in rooms.house.client(f"viewer.{where}").get("/v1/knowledge").json()]
    assert ("carol" in authors) is (where == "everywhere")


def may(role: Role, where: str, line: Line) -> bool:
    """Return whether the table lets the role in."""
    if line.permission is None:
        return True
    holds = {ANYWHERE: True, THERE: where != "outside", UNLIMITED: where == "everywhere"}[line.reach]
    return bool({line.permission, line.other} & PERMISSIONS[role]) and holds


def refused(answer: Response) -> bool:
    """Whether the policy gives no role for it; other reasons (somebody else's request) are not about roles."""
    return answer.status_code == 403 and "has no role" in answer.json()["detail"]


def asked(client: TestClient, rooms: Furnished, name: str) -> Response:
    """Ask for an address, with real ids in it and a body that would do."""
    method, path = name.split(" ")
    names = {**rooms.names, "token_id": rooms.execution, "executed": rooms.executed}
    names |= {"webhook_id": rooms.execution, "source_id": rooms.execution}
    names |= {"end": str(rooms.pending)[-8:], "flow_run_id": str(rooms.execution)}
    if "/events" in path:
        names["approval_id"] = rooms.over
    if "/steps/{name}" in path:
        names |= {"name": "notify", "execution_id": rooms.unknown}
    body = TABLE[name].body
    if path.endswith("/link"):
        body = {"approval_id": str(rooms.executed)}
    given = {"json": body} if body is not None else {}
    return client.request(method, path.format(**names), **given)
