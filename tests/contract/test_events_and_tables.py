"""What people read: events of a rollout, and the tables that kubectl prints."""

from typing import Any

from tests.contract.api import wait_for
from tests.contract.namespace import Namespace

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def test_a_rollout_leaves_an_event_about_its_deployment(ns: Namespace) -> None:
    found = ns.settled_deployment()
    about = f"involvedObject.kind=Deployment,involvedObject.uid={found['metadata']['uid']}"
    events = wait_for(lambda: ns.items("events", fieldSelector=about), bool, what="an event")
    event: Any = events[0]
    assert (event["type"], event["reason"]) == ("Normal", "ScalingReplicaSet")
    assert event["involvedObject"]["name"] == "web"
    assert ns.names("replicasets")[0] in event["message"]
    assert ns.items("events", fieldSelector="involvedObject.name=ghost") == []


def test_warnings_can_be_asked_for_alone(ns: Namespace) -> None:
    ns.settled_deployment()
    assert {event["type"] for event in ns.items("events", fieldSelector="type=Warning")} <= {"Warning"}


def test_an_event_can_be_written(ns: Namespace) -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "note"},
        "involvedObject": {"kind": "ConfigMap", "name": "settings", "namespace": ns.name},
        "type": "Warning",
        "reason": "Contract",
        "message": "seen",
    }
    ns.create("events", event)
    (found,) = ns.items("events", fieldSelector="type=Warning,reason=Contract,involvedObject.name=settings")
    assert found["message"] == "seen"


def test_a_list_can_be_had_as_a_table(ns: Namespace) -> None:
    ns.settled_deployment()
    answer = ns.api.request("GET", ns.path("deployments"), accept=TABLE).ok()
    assert (answer["kind"], answer["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    columns = [column["name"] for column in answer["columnDefinitions"]]
    assert columns[:5] == ["Name", "Ready", "Up-to-date", "Available", "Age"]
    (row,) = answer["rows"]
    assert row["cells"][:4] == ["web", "1/1", 1, 1]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert row["object"]["metadata"]["name"] == "web"


def test_an_unknown_form_of_answer_is_406(ns: Namespace) -> None:
    answer = ns.api.request("GET", ns.path("deployments"), accept="text/csv")
    assert (answer.status, answer.reason) == (406, "NotAcceptable")
