"""Debian's Prometheus reads a real web process and worker, and its Alertmanager tells Countersign of alerts."""

import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from countersign.local.stack import Stack
from tests.deployments.test_monitoring import RULES, named_in, queries
from tests.running_stack import METRICS_TOKEN
from tests.stack.api import PATIENCE, Api
from tests.stack.test_over_api import RESTART, Elsewhere, elsewhere  # noqa: F401  (a fixture)

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("prometheus-alertmanager") is None,
    reason="there is no prometheus and prometheus-alertmanager here (make prometheus)",
)
NOBODY = "127.0.0.1:9"
"""Where a worker would be, and none is."""
NO_CHANNEL = {"countersign_notifications_total"}
"""Nothing of it before a channel has been told, which has a name then."""


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        """Return what the API answers. Raises for an answer that is none."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def samples(self) -> set[str]:
        """Return the names of which there is a series."""
        return set(self.ask("label/__name__/values"))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def until(met: Callable[[], Any], what: str, details: Collection[str] = ()) -> Any:
    """Wait for `met` to return something true, and return it; else `what` went wrong, with `details` as of then."""
    give_up = time.monotonic() + PATIENCE
    while not (found := met()):
        assert time.monotonic() < give_up, f"{what} {', '.join(details)}"
        time.sleep(0.2)
    return found


@contextmanager
def served(command: list[str], url: str, log: Path) -> Iterator[None]:
    """Run a server of Prometheus's, until it is ready and to the end of the block."""
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            try:
                return httpx.get(f"{url}/-/ready", timeout=5).status_code == 200
            except httpx.HTTPError:
                return False

        until(ready, f"{command[0]} did not become ready")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


@pytest.fixture(scope="module")
def prometheus(elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:  # noqa: F811
    """Prometheus with the rules as shipped, but that no alert waits; and Alertmanager, which tells the API."""
    folder = tmp_path_factory.mktemp("prometheus")
    ports = [free_port(), free_port()]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    (folder / "token").write_text(METRICS_TOKEN)
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(scraping(elsewhere.stack, folder / "token", ports[1])))
    (folder / "countersign.rules.yaml").write_text(yaml.safe_dump(at_once(yaml.safe_load(RULES.read_text()))))
    (folder / "alertmanager.yaml").write_text(yaml.safe_dump(routing(elsewhere)))
    with ExitStack() as servers:
        alertmanager = [
            "prometheus-alertmanager",
            f"--config.file={folder / 'alertmanager.yaml'}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{ports[1]}",
            "--cluster.listen-address=",
        ]
        servers.enter_context(served(alertmanager, urls[1], folder / "alertmanager.log"))
        command = [
            "prometheus",
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{ports[0]}",
        ]
        servers.enter_context(served(command, urls[0], folder / "prometheus.log"))
        yield Prometheus(urls[0])


def scraping(stack: Stack, token: Path, alertmanager: int) -> dict[str, Any]:
    """Return Prometheus's settings, as docs/metrics.md has them."""
    said = [line for line in stack.log("worker-1").splitlines() if line.startswith("Metrics are shown at ")]
    worker, web = httpx.URL(said[-1].split()[-1]), httpx.URL(str(stack.addresses.url))

    def job(name: str, *targets: str) -> dict[str, Any]:
        shows = {"credentials_file": str(token)}
        return {"job_name": name, "authorization": shows, "static_configs": [{"targets": list(targets)}]}

    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "scrape_configs": [
            job("countersign-web", f"{web.host}:{web.port}"),
            job("countersign-worker", f"{worker.host}:{worker.port}", NOBODY),
        ],
        "rule_files": ["countersign.rules.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
    }


def at_once(rules: dict[str, Any]) -> dict[str, Any]:
    for rule in rules["groups"][0]["rules"]:
        rule.pop("for", None)
    return rules


def routing(elsewhere: Elsewhere) -> dict[str, Any]:  # noqa: F811
    hook = {
        "url": f"{elsewhere.url}/v1/incidents/alerts",
        "http_config": {"authorization": {"credentials_file": str(elsewhere.token_file("grace"))}},
    }
    return {
        "route": {"receiver": "countersign", "group_by": ["alertname"], "group_wait": "1s", "group_interval": "1s"},
        "receivers": [{"name": "countersign", "webhook_configs": [hook]}],
    }


def test_every_metric_of_a_dashboard_or_a_rule_is_scraped(
    prometheus: Prometheus,
    elsewhere: Elsewhere,  # noqa: F811
    api: Api,
) -> None:
    code, _, err = elsewhere.api("approvals", "run", elsewhere.approved(RESTART))
    assert code == 0, err
    api.wait(api.run(api.http.get("/deployments/name/reconcile/reconcile").raise_for_status().json()["id"]))
    wanted = {name for _, expression in queries() for name in named_in(expression)} - NO_CHANNEL
    missing: set[str] = set()

    def all_there() -> bool:
        missing.clear()
        missing.update(wanted - prometheus.samples())
        return not missing

    until(all_there, "never scraped:", missing)
    # OpenMetrics, which Prometheus asks for, names a counter's family without the end of its samples' name.
    assert set(prometheus.ask("metadata")) >= {name.removesuffix("_total") for name in NO_CHANNEL}
    in_time = prometheus.ask("query", query='countersign_phase_seconds_count{phase="claim_to_effect"} > 0')["result"]
    assert {one["metric"]["job"] for one in in_time} == {"countersign-worker"}


def test_every_query_of_a_dashboard_is_one(prometheus: Prometheus) -> None:
    for where, expression in queries():
        found = prometheus.ask("query", query=expression.replace("$__rate_interval", "1m"))
        assert found["resultType"] == "vector", where


def test_the_rules_are_loaded_and_their_texts_can_be_written(prometheus: Prometheus) -> None:
    def evaluated() -> Any:
        (group,) = prometheus.ask("rules")["groups"]
        healths = {rule["health"] for rule in group["rules"]}
        return group["rules"] if "unknown" not in healths else None

    rules = until(evaluated, "the rules were never evaluated")
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []
    until(lambda: prometheus.ask("alerts")["alerts"], "a worker that is not there gave no alert")
    assert "error expanding" not in json.dumps(prometheus.ask("alerts"))


def test_alertmanager_opens_an_incident_of_ours_and_it_says_what_to_do(
    prometheus: Prometheus,
    elsewhere: Elsewhere,  # noqa: F811
) -> None:
    token = elsewhere.token_file("grace").read_text()
    with httpx.Client(base_url=elsewhere.url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:

        def opened() -> Any:
            found = client.get("/v1/incidents", params={"unresolved": True, "limit": 1000})
            assert found.status_code == 200, found.text
            return [one for one in found.json() if "CountersignWorkerDown" in json.dumps(one)]

        (incident, *_) = until(opened, "no incident of the worker that is not there")
        whole = client.get(f"/v1/incidents/{incident['id']}").json()
    assert NOBODY in json.dumps(whole)
