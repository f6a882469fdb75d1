"""`/metrics` of the web process: only with the setting, only with the token, also while the records are away."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine
from starlette.types import Message, Receive, Scope, Send

from countersign.execution.services import Services
from countersign.metrics.exposition import registry_of
from countersign.metrics.family import Process
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.web.app import create_app
from countersign.web.measured import Measured
from countersign.web.records_read import RecordsRead
from tests.execution.conftest import Office
from tests.metrics.numbers import Numbers, counted, numbers, read
from tests.planted import plant
from tests.web.conftest import ADDRESS, House, house_of
from tests.web.scene import filed

TOKEN = plant("hunter2-for-prometheus")
SHOWS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def shown(office: Office) -> Iterator[House]:
    """The application, with the setting."""
    found = house_of(office, metrics_token=SecretStr(TOKEN))
    yield found
    found.app.state.changes.close()


def scraped(client: TestClient) -> Numbers:
    answer = client.get("/metrics", headers=SHOWS)
    assert answer.status_code == 200
    return read(answer.text)


def test_without_the_setting_there_is_no_such_address(house: House) -> None:
    assert house.client().get("/metrics", headers=SHOWS).status_code == 404


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer cst_0"}, {"Authorization": f"Basic {TOKEN}"}])
def test_nobody_reads_without_the_token(shown: House, headers: dict[str, str]) -> None:
    answer = shown.client().get("/metrics", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_a_token_of_the_api_is_none_of_prometheus(shown: House) -> None:
    assert shown.client("ann").get("/metrics").status_code == 401


def test_requests_are_counted_by_the_template_of_their_address(shown: House) -> None:
    approval_id = filed(shown.office, "kubectl rollout restart deployment/api -n prod")
    with counted(Process.WEB) as added:
        client = shown.client("carol")
        client.get(f"/v1/approvals/{approval_id}")
        client.get("/v1/approvals/0193d1c2-8a4e-7c31-9f7e-2b8f5c1d0e42")
        client.get("/v1/approvals/nonsense")
        client.post("/v1/approvals", content=b"{" * 100)
        client.get("/no/such/address")
        client.get("/healthz")
        client.get(f"/approvals/{approval_id}", follow_redirects=False)
    requests = {name: value for name, value in added.items() if name.startswith("countersign_http_requests_total")}

    def name(route: str, status: str, method: str = "GET") -> str:
        return f'countersign_http_requests_total{{method="{method}",route="{route}",status="{status}"}}'

    assert requests == {
        name("/v1/approvals/{approval_id}", "2xx"): 1,
        name("/v1/approvals/{approval_id}", "4xx"): 2,
        name("unmatched", "4xx", "POST"): 1,
        name("unmatched", "4xx"): 1,
        name("/healthz", "2xx"): 1,
        name("/approvals/{name}", "3xx"): 1,
    }
    assert added['countersign_http_request_seconds_count{route="/v1/approvals/{approval_id}"}'] == 3


def test_a_stream_is_counted_while_it_is_open() -> None:
    open_then: list[float] = []

    async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
        head = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        open_then.append(_open_streams())
        raise ConnectionResetError

    async def send(_message: Message) -> None:
        """Take what is sent."""

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    before = _open_streams()
    with counted(Process.WEB) as added, pytest.raises(ConnectionResetError):
        asyncio.run(Measured(stream)({"type": "http", "method": "GET", "path": "/events"}, receive, send))
    assert open_then == [before + 1]
    assert "countersign_http_streams" not in added, "however it has ended"
    assert added['countersign_http_request_seconds_count{route="unmatched"}'] == 1, "its first byte, and not its end"


def _open_streams() -> float:
    """Return how many there are in this process, which other tests may have left to end by themselves."""
    return numbers(registry_of(Process.WEB)).get("countersign_http_streams", 0)


def test_what_is_decided_is_counted_once_it_is_committed(shown: House) -> None:
    filed_ = 'countersign_audit_events_total{event="approval:request:filed"}'
    refused = 'countersign_audit_events_total{event="access:role:refused"}'
    asked = {"action": "kubectl rollout restart deployment/api -n prod", "risk_level": "low"}
    with counted(Process.WEB) as added:
        shown.client("victor").post("/v1/approvals", json=asked)
        assert shown.client("carol").post("/v1/approvals", json=asked).status_code == 201
    assert (added[filed_], added[refused]) == (1, 1)
    with (
        counted(Process.WEB) as added,
        pytest.raises(ZeroDivisionError),
        transaction(shown.services.engine) as session,
    ):
        set_kill_switch(session, True, by="ann", reason="trial")
        raise ZeroDivisionError
    assert added == {}


def test_the_records_numbers_are_shown(shown: House) -> None:
    filed(shown.office, "kubectl rollout restart deployment/api -n prod")
    found = scraped(shown.client())
    assert found["countersign_records_up"] == 1
    assert found['countersign_approvals{status="pending"}'] == 1
    assert found['countersign_resolutions_total{result="hit"}'] == 0


def test_numbers_are_shown_while_the_records_are_away(office: Office) -> None:
    nowhere = create_engine("postgresql+psycopg://countersign@127.0.0.1:9/countersign")
    away = replace(office.services, engine=nowhere)

    async def opened() -> Services:
        return away

    settings = away.settings.model_copy(update={"metrics_token": SecretStr(TOKEN)})
    app: FastAPI = create_app(opened, settings)
    found = scraped(TestClient(app, base_url=ADDRESS))
    app.state.changes.close()
    assert found["countersign_records_up"] == 0
    assert "countersign_kill_switch_on" not in found
    assert "process_resident_memory_bytes" in found


def test_many_who_ask_are_one_who_reads(engine: Engine) -> None:
    asked: list[float] = []
    now = [100.0]

    def records() -> Engine:
        asked.append(now[0])
        return engine

    registry = registry_of(Process.WEB, RecordsRead(records, kept=5, now=lambda: now[0]))
    assert asked == [], "what is registered is not read for it"
    for moment in (100.0, 101.0, 104.9, 105.0, 106.0):
        now[0] = moment
        assert numbers(registry)["countersign_records_up"] == 1
    assert asked == [100.0, 105.0]
