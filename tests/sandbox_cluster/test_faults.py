"""What the sandbox does to requests when it is told to, and what its log says about it."""

import http.client
import json
import ssl
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from countersign.errors import InvalidInput
from sandbox.cluster import ControlClient, Effect, Fault, SandboxCluster
from sandbox.cluster.faults import fault_from_json
from tests.contract.api import Answer, Api, wait_for

SETTINGS = "/api/v1/namespaces/prod/configmaps/settings"
MERGE = "application/merge-patch+json"
numbers = iter(range(1, 1000))


def change(api: Api, **query: str) -> Answer:
    body = {"data": {"number": str(next(numbers))}}
    return api.request("PATCH", SETTINGS, body, content_type=MERGE, query={"fieldManager": "tests", **query})


def version(api: Api) -> str:
    return str(api.get(SETTINGS).ok()["metadata"]["resourceVersion"])


@pytest.mark.parametrize("code", [409, 429, 500, 503])
def test_an_error_leaves_the_state_alone(sandbox: SandboxCluster, api: Api, code: int) -> None:
    before = version(api)
    sandbox.faults.add(Fault(effect=Effect.ERROR, path="configmaps", code=code, retry_after=3))
    answer = change(api)
    assert (answer.status, answer.headers["Retry-After"]) == (code, "3")
    assert answer.body["kind"] == "Status"
    assert version(api) == before
    assert change(api).status == 200


def test_a_reset_before_the_effect_has_none(sandbox: SandboxCluster, api: Api) -> None:
    before = version(api)
    sandbox.faults.add(Fault(effect=Effect.RESET_BEFORE, path="configmaps"))
    with pytest.raises(urllib3.exceptions.ProtocolError):
        change(api)
    assert version(api) == before
    assert not sandbox.requests.to("configmaps", "PATCH")[-1].mutated


def test_a_reset_after_the_effect_has_one(sandbox: SandboxCluster, api: Api) -> None:
    before = version(api)
    sandbox.faults.add(Fault(effect=Effect.RESET_AFTER, path="configmaps"))
    with pytest.raises(urllib3.exceptions.ProtocolError):
        change(api)
    assert version(api) != before
    lost = sandbox.requests.to("configmaps", "PATCH")[-1]
    assert (lost.mutated, lost.reply_lost, lost.code, lost.fault) == (True, True, 200, "reset_after")


@pytest.mark.parametrize(("effect", "happens"), [(Effect.PAUSE_BEFORE, False), (Effect.PAUSE_AFTER, True)])
def test_a_paused_request_goes_on_when_it_is_released(
    sandbox: SandboxCluster, api: Api, effect: Effect, happens: bool
) -> None:
    control = ControlClient.from_kubeconfig(sandbox.kubeconfig)
    before = version(api)
    number = control.add_fault(Fault(effect=effect, path="configmaps"))
    answers: list[Answer] = []
    waiting = threading.Thread(target=lambda: answers.append(change(api)))
    waiting.start()
    control.wait_until_met(number)
    with Api(sandbox.kubeconfig, None) as other:
        assert (version(other) != before) is happens
    assert answers == []
    control.release(number)
    waiting.join(60)
    assert answers[0].status == 200
    assert version(api) != before


def test_a_request_whose_client_gave_up_still_has_its_effect_later(sandbox: SandboxCluster, api: Api) -> None:
    before = version(api)
    number = sandbox.faults.add(Fault(effect=Effect.PAUSE_BEFORE, path="configmaps"))
    connection = http.client.HTTPSConnection("127.0.0.1", urlsplit(sandbox.url).port, context=unverified())
    headers = {"Authorization": f"Bearer {sandbox.token}", "Content-Type": MERGE}
    connection.request("PATCH", SETTINGS, json.dumps({"data": {"late": "yes"}}), headers)
    ControlClient.from_kubeconfig(sandbox.kubeconfig).wait_until_met(number)
    connection.close()
    assert version(api) == before
    sandbox.faults.release(number)
    found = wait_for(lambda: api.get(SETTINGS).ok(), lambda each: "late" in each["data"], what="the late effect")
    assert found["metadata"]["resourceVersion"] != before


def unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_a_hanging_request_never_has_an_effect(sandbox: SandboxCluster, api: Api) -> None:
    before = version(api)
    number = sandbox.faults.add(Fault(effect=Effect.HANG, path="configmaps"))
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            change(api)
        except urllib3.exceptions.HTTPError as error:
            errors.append(error)

    waiting = threading.Thread(target=ask)
    waiting.start()
    ControlClient.from_kubeconfig(sandbox.kubeconfig).wait_until_met(number)
    sandbox.faults.release(number)
    waiting.join(60)
    assert len(errors) == 1
    assert version(api) == before


def test_a_fault_meets_the_nth_request_and_as_many_as_it_says(sandbox: SandboxCluster, api: Api) -> None:
    sandbox.faults.add(Fault(effect=Effect.ERROR, method="PATCH", path="configmaps/settings$", nth=2, count=2))
    assert [change(api).status for _ in range(4)] == [200, 500, 500, 200]


def test_dry_runs_and_reads_are_spared_unless_meant(sandbox: SandboxCluster, api: Api) -> None:
    sandbox.faults.add(Fault(effect=Effect.ERROR, path="configmaps", count=None))
    assert change(api, dryRun="All").status == 200
    assert api.get(SETTINGS).status == 200
    assert change(api).status == 500
    sandbox.faults.clear()
    sandbox.faults.add(Fault(effect=Effect.ERROR, path="configmaps", dry_run=True, count=None))
    assert change(api, dryRun="All").status == 500
    assert change(api).status == 200


def test_the_log_tells_effects_from_dry_runs_no_ops_and_refusals(sandbox: SandboxCluster, api: Api) -> None:
    start = len(sandbox.requests)
    change(api, dryRun="All")
    same = api.get(SETTINGS).ok()["data"]["number"]
    api.request("PATCH", SETTINGS, {"data": {"number": same}}, content_type=MERGE)
    api.request("PATCH", SETTINGS, {"metadata": {"resourceVersion": "1"}}, content_type=MERGE)
    change(api)
    dry, read, no_op, refused, real = sandbox.requests[start:]
    assert [each.mutated for each in (dry, read, no_op, refused, real)] == [False, False, False, False, True]
    assert (dry.dry_run, no_op.no_op, refused.code, real.field_manager) == (True, True, 409, "tests")
    assert sandbox.requests[start:].mutations() == [real]


def test_another_process_reads_the_same_log(sandbox: SandboxCluster, api: Api) -> None:
    change(api)
    control = ControlClient.from_kubeconfig(sandbox.kubeconfig)
    assert control.requests() == sandbox.requests
    assert control.requests(since=sandbox.requests[-2].number) == sandbox.requests[-1:]
    assert control.mutations()[-1].path == SETTINGS


@pytest.mark.parametrize(
    "wrong", [{"effect": "explode"}, {"effect": "hang", "colour": "red"}, {"effect": "hang", "path": "("}, []]
)
def test_a_fault_that_makes_no_sense_is_refused(sandbox: SandboxCluster, wrong: Any) -> None:
    with pytest.raises(InvalidInput):
        fault_from_json(wrong)


@pytest.mark.parametrize(
    ("method", "query", "body"),
    [
        ("GET", {"limit": "many"}, None),
        ("GET", {"watch": "true", "timeoutSeconds": "long"}, None),
        ("GET", {"watch": "true", "fieldSelector": "colour=red"}, None),
        ("GET", {"continue": "nonsense"}, None),
        ("DELETE", {"gracePeriodSeconds": "x"}, None),
        ("POST", {}, [1]),
        ("POST", {}, b"{nope"),
    ],
)
def test_nonsense_is_refused_as_such(api: Api, method: str, query: dict[str, str], body: Any) -> None:
    answer = api.request(method, "/api/v1/namespaces/prod/configmaps", body, query=query)
    assert (answer.status, answer.reason) == (400, "BadRequest")


@pytest.mark.parametrize("path", ["/api/v1/nodes", "/_sandbox/requests", "/version"])
@pytest.mark.parametrize("token", ["", "wrong"])
def test_nothing_is_answered_without_the_token(sandbox: SandboxCluster, api: Api, path: str, token: str) -> None:
    answer = api.request("GET", path, token=token)
    assert (answer.status, answer.reason) == (401, "Unauthorized")
