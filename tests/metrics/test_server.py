"""A worker's numbers: at its own port, for whoever shows the token, and never in the way of its work."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from countersign.errors import ConfigurationError
from countersign.metrics.exposition import MetricsServer, registry_of
from countersign.metrics.family import Process
from countersign.settings import settings
from countersign.worker.showing import shown
from tests.metrics.numbers import read
from tests.planted import plant

TOKEN = plant("hunter2-for-prometheus")


@pytest.fixture(scope="module", params=["127.0.0.1", "::1"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    server = MetricsServer(registry_of(Process.WORKER), host=request.param, port=0, token=SecretStr(TOKEN))
    yield server.address
    server.close()


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_nobody_reads_without_the_token(address: str, authorization: str | None) -> None:
    answer = httpx.get(address, headers={"Authorization": authorization} if authorization else {})
    assert (answer.status_code, answer.text) == (401, "")


def test_whoever_shows_the_token_reads_every_number(address: str) -> None:
    answer = httpx.get(address, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.headers["Content-Type"].startswith("text/plain")
    found = read(answer.text)
    assert found['countersign_answers_total{answer="unclear"}'] >= 0
    assert found['countersign_build_info{process="worker",version="0.1.0"}'] == 1
    assert not any("http_requests" in name for name in found), "that is the web process's"


def test_nothing_else_is_there(address: str) -> None:
    shows = {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.get(address.replace("/metrics", "/"), headers=shows).status_code == 404
    assert httpx.post(address, headers=shows).status_code == 501


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "worker-a"])
def test_an_address_that_others_reach_needs_the_token(host: str) -> None:
    with pytest.raises(ConfigurationError, match="everybody who reaches it") as refused:
        MetricsServer(registry_of(Process.WORKER), host=host, port=0, token=None)
    assert "COUNTERSIGN_METRICS_TOKEN" in (refused.value.hint or "")


class Said:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def warning(self, text: str, *values: object) -> None:
        self.lines.append(text % values)


def while_shown(logger: Any) -> tuple[list[str], str]:
    """Return what a worker printed, and what could be read there."""
    told: list[str] = []

    async def work() -> str:
        async with shown(logger, told.append, runs=lambda: 3, limit=None):
            return httpx.get(told[0].split()[-1]).text if told else ""

    return told, asyncio.run(work())


def test_a_worker_shows_how_many_runs_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_METRICS_PORT", "0")
    settings.cache_clear()
    _, text = while_shown(Said())
    found = read(text)
    assert (found["countersign_worker_runs"], found["countersign_worker_runs_limit"]) == (3, float("inf"))


def test_a_worker_without_the_setting_shows_nothing() -> None:
    assert while_shown(Said()) == ([], "")


def test_a_worker_whose_port_is_taken_says_so_and_works(monkeypatch: pytest.MonkeyPatch) -> None:
    other = MetricsServer(registry_of(Process.WORKER), host="127.0.0.1", port=0, token=None)
    port = other.address.split(":")[-1].removesuffix("/metrics")
    monkeypatch.setenv("COUNTERSIGN_METRICS_PORT", port)
    settings.cache_clear()
    said = Said()
    try:
        assert while_shown(said) == ([], "")
    finally:
        other.close()
    assert f"127.0.0.1:{port}" in said.lines[0] and "COUNTERSIGN_METRICS_PORT" in said.lines[0]
