"""Services: ports, addresses, node ports, and the dummies that a dry run answers instead."""

from typing import Any

import pytest

from tests.contract.api import STRATEGIC, Answer
from tests.contract.namespace import Namespace
from tests.contract.versions import needs

ALL = {"dryRun": "All"}
DUMMY = 32769


def service(*ports: Any, name: str = "web", **spec: Any) -> Any:
    """A Service on port 80 unless other ports are given."""
    given = {"selector": {"app": "web"}, "ports": list(ports) or [{"port": 80}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": given}


def node_ports(found: Any) -> list[Any]:
    return [port.get("nodePort") for port in found["spec"]["ports"]]


def refused(answer: Answer, *fields: str) -> None:
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == set(fields)


def test_a_service_gets_an_address_and_keeps_it(ns: Namespace) -> None:
    spec = ns.create("services", service())["spec"]
    assert spec["clusterIP"].count(".") == 3
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert spec["ports"] == [{"protocol": "TCP", "port": 80, "targetPort": 80}]
    assert "nodePort" not in spec["ports"][0]
    refused(ns.patch("services", "web", {"spec": {"clusterIP": "10.0.0.77"}}), "spec.clusterIPs[0]")
    assert (
        ns.patch("services", "web", {"spec": {"sessionAffinity": "ClientIP"}}).ok()["spec"]["clusterIP"]
        == (spec["clusterIP"])
    )


def test_a_dry_run_of_a_node_port_answers_a_dummy_that_cannot_be_had(ns: Namespace) -> None:
    ns.create("services", service())
    dry = ns.patch("services", "web", {"spec": {"type": "NodePort"}}, **ALL).ok()
    assert node_ports(dry) == [DUMMY]
    ports = [{"port": 80, "nodePort": DUMMY}]
    answer = ns.patch("services", "web", {"spec": {"type": "NodePort", "ports": ports}})
    refused(answer, "spec.ports[0].nodePort")
    assert (
        "provided port is not in the valid range. The range of valid ports is 30000-32767" in answer.body["message"]
    )
    found = ns.patch("services", "web", {"spec": {"type": "NodePort"}}).ok()
    assert found["spec"]["externalTrafficPolicy"] == "Cluster"
    assert node_ports(found)[0] in range(30000, 32768)


def test_each_port_of_a_dry_run_has_its_own_dummy(ns: Namespace) -> None:
    body = service({"name": "http", "port": 80}, {"name": "admin", "port": 81}, type="NodePort")
    assert node_ports(ns.post("services", body, **ALL).ok()) == [DUMMY, DUMMY + 1]
    assert ns.get("services", "web").status == 404


def test_a_node_port_is_had_once(ns: Namespace) -> None:
    port = node_ports(ns.create("services", service(type="NodePort")))[0]
    answer = ns.post("services", service({"port": 80, "nodePort": port}, name="other", type="NodePort"))
    refused(answer, "spec.ports[0].nodePort")
    assert "provided port is already allocated" in answer.body["message"]


def test_a_node_port_stays_while_other_things_change(ns: Namespace) -> None:
    needs(ns.api, 21)
    before = ns.create("services", service(type="NodePort"))
    found = ns.patch("services", "web", {"spec": {"ports": [{"port": 80, "targetPort": 8080}]}}).ok()
    assert node_ports(found) == node_ports(before)


def test_a_node_port_goes_with_the_type(ns: Namespace) -> None:
    ns.create("services", service(type="NodePort"))
    found = ns.patch("services", "web", {"spec": {"type": "ClusterIP"}}).ok()
    assert node_ports(found) == [None]
    assert "externalTrafficPolicy" not in found["spec"]
    wrong = {"spec": {"ports": [{"port": 80, "nodePort": 30100}]}}
    refused(ns.patch("services", "web", wrong), "spec.ports[0].nodePort")


def test_a_local_policy_needs_a_way_in_from_outside(ns: Namespace) -> None:
    ns.create("services", service())
    local = {"spec": {"externalTrafficPolicy": "Local"}}
    refused(ns.patch("services", "web", local), "spec.externalTrafficPolicy")
    refused(ns.patch("services", "web", local, **ALL), "spec.externalTrafficPolicy")


def test_the_health_check_port_of_a_dry_run_is_a_dummy_too(ns: Namespace) -> None:
    ns.create("services", service(type="LoadBalancer"))
    local = {"spec": {"externalTrafficPolicy": "Local"}}
    dry = ns.patch("services", "web", local, **ALL).ok()
    assert dry["spec"]["healthCheckNodePort"] == DUMMY
    sent = {"spec": {"externalTrafficPolicy": "Local", "healthCheckNodePort": DUMMY}}
    answer = ns.patch("services", "web", sent)
    assert (answer.status, answer.reason) == (500, "InternalError")
    assert "failed to allocate requested HealthCheck NodePort 32769" in answer.body["message"]
    found = ns.patch("services", "web", local).ok()
    assert found["spec"]["healthCheckNodePort"] in range(30000, 32768)


def test_the_dummies_of_a_dry_run_pass_another_dry_run(ns: Namespace) -> None:
    ns.create("services", service())
    ports = [{"port": 80, "nodePort": DUMMY}]
    dry = ns.patch("services", "web", {"spec": {"type": "NodePort", "ports": ports}}, **ALL).ok()
    assert node_ports(dry) == [DUMMY]


@pytest.mark.parametrize(
    ("ports", "fields"),
    [
        ([{"port": 80}, {"port": 81}], {"spec.ports[0].name", "spec.ports[1].name"}),
        ([{"name": "a", "port": 80}, {"name": "a", "port": 81}], {"spec.ports[1].name"}),
        ([{"name": "a", "port": 80}, {"name": "b", "port": 80}], {"spec.ports[1]"}),
        ([{"port": 0}], {"spec.ports[0].port", "spec.ports[0].targetPort"}),
        ([{"port": 70000}], {"spec.ports[0].port", "spec.ports[0].targetPort"}),
    ],
)
def test_ports_that_cannot_be_are_422(ns: Namespace, ports: Any, fields: set[str]) -> None:
    refused(ns.post("services", service(*ports)), *fields)


def test_a_service_without_ports_is_422_unless_it_has_no_address(ns: Namespace) -> None:
    body = service()
    del body["spec"]["ports"]
    refused(ns.post("services", body), "spec.ports")
    body["spec"]["clusterIP"] = "None"
    assert ns.create("services", body)["spec"]["clusterIPs"] == ["None"]


def test_one_port_of_several_is_patched_by_its_number(ns: Namespace) -> None:
    ns.create("services", service({"name": "http", "port": 80}, {"name": "admin", "port": 81, "targetPort": "adm"}))
    body = {"spec": {"ports": [{"port": 81, "targetPort": 9090}]}}
    found = ns.patch("services", "web", body, STRATEGIC).ok()["spec"]["ports"]
    assert [(port["name"], port["port"], port["targetPort"]) for port in found] == [
        ("http", 80, 80),
        ("admin", 81, 9090),
    ]


def test_a_type_that_does_not_exist_is_422(ns: Namespace) -> None:
    ns.create("services", service())
    refused(ns.patch("services", "web", {"spec": {"type": "Tunnel"}}), "spec.type")


def test_a_name_outside_has_no_address(ns: Namespace) -> None:
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"type": "ExternalName", "externalName": "web.example.com"}}  # fmt: skip
    assert "clusterIP" not in ns.create("services", body)["spec"]
