"""Probes ask what the policy names, and nothing else; their answers count before and after."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from countersign.aftermath.verification.probes import Look, criterion_of
from countersign.errors import ConfigurationError
from countersign.execution.probes import ProbeAnswer, ask, names_in, probes_for
from countersign.policy.loading import load_policy
from countersign.policy.probes import Comparison, HttpProbe, Probe, PrometheusProbe
from countersign.records.database.engine import transaction
from countersign.records.evidence import evidence_of
from countersign.records.states import EvidencePhase, StepName
from countersign.targets.criteria import Standing
from tests.aftermath.following import execution_id_of, run_one
from tests.aftermath.verification.facts import plan_of
from tests.execution.conftest import Office


class Site:
    """A page and a Prometheus on loopback; `pages` maps paths to (status, headers, body)."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], str]] = {}
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                status, headers, body = site.pages.get(self.path.partition("?")[0], (404, {}, ""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answers(self, path: str, status: int = 200, body: str = "", **headers: str) -> None:
        self.pages[path] = (status, headers, body)

    def vector(self, *values: str) -> None:
        result = [{"metric": {}, "value": [0, value]} for value in values]
        body = {"status": "success", "data": {"resultType": "vector", "result": result}}
        self.answers("/api/v1/query", body=json.dumps(body))


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def page(site: Site, path: str = "/health", **fields: Any) -> Probe:
    return Probe(name="page", http=HttpProbe(url=f"{site.url}{path}", **fields))


def query(site: Site, comparison: str, threshold: float) -> Probe:
    asked = PrometheusProbe(url=site.url, query="up", comparison=Comparison(comparison), threshold=threshold)
    return Probe(name="query", prometheus=asked)


def test_a_page_has_to_answer_with_its_status_and_its_text(site: Site) -> None:
    site.answers("/health", body="all is ok here")
    assert ask(page(site)).met is True
    assert ask(page(site, contains="ok")).met is True
    assert ask(page(site, contains="fine")).met is False
    assert ask(page(site, status=204)).met is False


def test_a_redirect_is_followed_on_the_same_host_alone(site: Site) -> None:
    site.answers("/health", status=302, Location="/there")
    site.answers("/there", body="ok")
    assert ask(page(site)).met is True
    other = Site()
    site.answers("/health", status=302, Location=f"{other.url}/there")
    assert ask(page(site)).met is None
    assert other.asked == []
    other.server.server_close()


def test_redirects_in_a_circle_end(site: Site) -> None:
    site.answers("/health", status=302, Location="/health")
    assert ask(page(site)).met is None


def test_what_cannot_be_asked_is_no_answer_and_tells_no_address(site: Site) -> None:
    site.server.server_close()
    answer = ask(page(site, path="/health?token=hunter2"))
    assert answer.met is None
    assert "hunter2" not in answer.said


@pytest.mark.parametrize(
    ("comparison", "threshold", "values", "met"),
    [
        ("<", 0.5, ("0.1", "0.2"), True),
        ("<", 0.5, ("0.1", "0.7"), False),
        (">=", 2, ("2",), True),
        ("==", 1, ("0",), False),
        ("<", 1, (), None),
        ("<", 1, ("NaN",), None),
    ],
)
def test_every_value_of_a_query_has_to_compare_as_said(
    site: Site, comparison: str, threshold: float, values: tuple[str, ...], met: bool | None
) -> None:
    site.vector(*values)
    assert ask(query(site, comparison, threshold)).met is met


def test_an_answer_that_is_not_prometheuss_is_no_answer(site: Site) -> None:
    site.answers("/api/v1/query", body="<html>")
    assert ask(query(site, "<", 1)).met is None


@pytest.mark.parametrize(
    ("before", "after", "standing"),
    [
        (True, False, Standing.HARM),
        (False, False, Standing.FAILED),
        (None, False, Standing.FAILED),
        (False, True, Standing.MET),
        (True, None, Standing.UNTOLD),
    ],
)
def test_what_was_met_before_and_is_not_after_is_harm(
    before: bool | None, after: bool | None, standing: Standing
) -> None:
    assert standing_of([after, after], before=before) is standing


def standing_of(answers: list[bool | None], *, before: bool | None = True, may_blame: bool = True) -> Standing:
    """Judge answers that came 10 s from each other, where 10 s are long enough."""
    looks = [Look(10.0 * number, ProbeAnswer("page", met, "")) for number, met in enumerate(answers)]
    was = ProbeAnswer("page", before, "")
    return criterion_of(looks, was, may_blame=may_blame, lasting_seconds=10).standing


@pytest.mark.parametrize("answers", [[False], [True, False, False], [None, False, False]])
def test_a_probe_that_was_not_unmet_at_every_look_for_long_enough_is_no_harm(answers: list[bool | None]) -> None:
    assert standing_of(answers) is Standing.FAILED


def test_a_probe_that_fails_while_a_rollout_is_under_way_is_no_harm() -> None:
    assert standing_of([False, False, False], may_blame=False) is Standing.FAILED


def test_probes_are_chosen_by_operation_and_place_or_by_name() -> None:
    question = HttpProbe(url="http://127.0.0.1/")
    here = Probe(name="here", http=question, namespaces=("prod",), targets=("a*",), operations=("set_image",))
    named = Probe(name="named", http=question, namespaces=("nowhere",))
    policy = load_policy("kill_switch: false").model_copy(update={"probes": (here, named)})
    chosen, unknown = probes_for(policy, plan_of("set_image"), ("named", "absent"))
    assert ([probe.name for probe in chosen], unknown) == (["here", "named"], ("absent",))
    assert probes_for(policy, plan_of("scale"))[0] == ()


def test_a_request_names_probes_and_no_addresses() -> None:
    assert names_in({"probes": ["page", 7, {"url": "http://elsewhere/"}]}) == ("page",)
    assert names_in({"probes": "http://elsewhere/"}) == ()


@pytest.mark.parametrize(
    "probe",
    [
        "{name: a}",
        "{name: a, http: {url: 'file:///etc/passwd'}}",
        "{name: a, http: {url: 'http://user:secret@host/'}}",
        "{name: a, http: {url: 'http://host:port/'}}",
        "{name: a, http: {url: 'http://host/', timeout_seconds: 60}}",
    ],
)
def test_a_probe_that_cannot_be_asked_safely_is_refused_with_the_policy(probe: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_policy(f"probes:\n- {probe}")
    assert "secret" not in refused.value.message


def test_a_probe_that_fails_after_the_action_makes_it_worse(office: Office, site: Site) -> None:
    site.answers("/health", body="ok")
    policy = office.services.policy.model_copy(update={"probes": (page(site),)})
    office = office.with_policy(policy).with_settings(verify_limit_seconds=30)
    report = office.perform("kubectl label deployment/web probed=yes -n staging")
    site.answers("/health", status=503)
    step = run_one(office, execution_id_of(report), StepName.VERIFY)
    assert (step.result or {})["verdict"] == "worse", step.result
    with transaction(office.services.engine) as session:
        before = evidence_of(session, execution_id_of(report))[EvidencePhase.BEFORE]
    assert before.verification is not None
    assert [answer["met"] for answer in before.verification["probes"]] == [True]
