"""PersistentVolumeClaims, and the StatefulSets that make them."""

from typing import Any

import pytest

from tests.contract.api import wait_for
from tests.contract.namespace import Namespace
from tests.contract.objects import container, statefulset
from tests.contract.versions import needs

CLAIMS = "persistentvolumeclaims"
NO_CLASS = "probe-has-no-such-class"


def claim(name: str = "data", size: str = "1Gi", **spec: Any) -> Any:
    """A claim of a class that nobody provisions."""
    given = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": NO_CLASS,
        "resources": {"requests": {"storage": size}},
        **spec,
    }
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": given}


def sized(size: str) -> Any:
    return {"spec": {"resources": {"requests": {"storage": size}}}}


def bind(ns: Namespace, name: str = "data") -> None:
    """Say that a claim is bound, as the volume controller does."""
    status = {"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
    ns.patch(CLAIMS, name, {"status": status}, subresource="status").ok()


def let_go(ns: Namespace) -> None:
    """Take the claims' protection away: not every control plane has the controller that does."""
    for name in ns.names(CLAIMS):
        ns.patch(CLAIMS, name, {"metadata": {"finalizers": None}})


def test_a_claim_waits_and_is_protected(ns: Namespace) -> None:
    found = ns.create(CLAIMS, claim())
    assert found["status"] == {"phase": "Pending"}
    assert found["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    assert found["spec"]["volumeMode"] == "Filesystem"
    let_go(ns)


def test_a_claim_that_is_not_bound_cannot_be_resized(ns: Namespace) -> None:
    ns.create(CLAIMS, claim())
    answer = ns.patch(CLAIMS, "data", sized("2Gi"))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert "spec" in answer.causes
    assert "is immutable after creation except resources.requests" in answer.body["message"]
    let_go(ns)


def test_a_bound_claim_grows_only_if_its_class_allows_it(ns: Namespace) -> None:
    ns.create(CLAIMS, claim())
    bind(ns)
    answer = ns.patch(CLAIMS, "data", sized("2Gi"))
    assert (answer.status, answer.reason) == (403, "Forbidden")
    assert "only dynamically provisioned pvc can be resized" in answer.body["message"]
    assert ns.patch(CLAIMS, "data", sized("2Gi"), dryRun="All").status == 403
    let_go(ns)


def test_a_bound_claim_does_not_shrink(ns: Namespace) -> None:
    ns.create(CLAIMS, claim())
    bind(ns)
    answer = ns.patch(CLAIMS, "data", sized("1Mi"))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"spec.resources.requests.storage"}
    let_go(ns)


def test_nothing_else_of_a_claim_can_be_changed(ns: Namespace) -> None:
    ns.create(CLAIMS, claim())
    bind(ns)
    answer = ns.patch(CLAIMS, "data", {"spec": {"storageClassName": "other"}})
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert "spec" in answer.causes
    assert ns.patch(CLAIMS, "data", {"metadata": {"labels": {"a": "b"}}}).status == 200
    let_go(ns)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"resources": {}}, "spec.resources[storage]"),
        ({"resources": {"requests": {"storage": "-1"}}}, "spec.resources[storage]"),
        ({"accessModes": []}, "spec.accessModes"),
    ],
)
def test_a_claim_for_nothing_is_422(ns: Namespace, spec: Any, field: str) -> None:
    answer = ns.post(CLAIMS, claim(**spec))
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {field}


def test_a_deleted_claim_waits_for_its_protection(ns: Namespace) -> None:
    body = claim()
    body["metadata"]["finalizers"] = ["example.com/hold"]
    ns.create(CLAIMS, body)
    answer = ns.delete(CLAIMS, "data")
    assert (answer.status, answer.body["kind"]) == (200, "PersistentVolumeClaim")
    assert answer.body["metadata"]["deletionTimestamp"]
    assert ns.get(CLAIMS, "data").status == 200
    ns.patch(CLAIMS, "data", {"metadata": {"finalizers": None}}).ok()
    assert ns.get(CLAIMS, "data").status == 404


def with_claims(**spec: Any) -> Any:
    """A StatefulSet whose pods mount a claim each."""
    mounting = container(volumeMounts=[{"name": "data", "mountPath": "/data"}])
    body = statefulset("db", podManagementPolicy="Parallel", **spec)
    body["spec"]["template"]["spec"]["containers"] = [mounting]
    template = claim()
    body["spec"]["volumeClaimTemplates"] = [{"metadata": template["metadata"], "spec": template["spec"]}]
    return body


def test_the_pods_of_a_statefulset_get_a_claim_each(ns: Namespace) -> None:
    ns.create("statefulsets", with_claims())
    ns.wait_names("pods", lambda names: names == ["db-0", "db-1"], "both pods")
    assert ns.names(CLAIMS) == ["data-db-0", "data-db-1"]
    for number in (0, 1):
        volumes = ns.read("pods", f"db-{number}")["spec"]["volumes"]
        assert {"name": "data", "persistentVolumeClaim": {"claimName": f"data-db-{number}"}} in volumes
        found = ns.read(CLAIMS, f"data-db-{number}")
        assert found["metadata"]["labels"] == {"app": "db"}
        assert found["spec"]["resources"] == {"requests": {"storage": "1Gi"}}
    let_go(ns)


def test_a_claim_stays_when_its_pod_goes(ns: Namespace) -> None:
    ns.create("statefulsets", with_claims())
    ns.wait_names("pods", lambda names: names == ["db-0", "db-1"], "both pods")
    ns.patch("statefulsets", "db", {"spec": {"replicas": 1}}).ok()
    ns.wait_names("pods", lambda names: names == ["db-0"], "the second pod to go")
    assert ns.names(CLAIMS) == ["data-db-0", "data-db-1"]
    ns.delete("statefulsets", "db").ok()
    ns.wait_names("pods", lambda names: not names, "the pods to go")
    assert ns.names(CLAIMS) == ["data-db-0", "data-db-1"]
    let_go(ns)


def test_what_a_statefulset_claims_cannot_be_changed(ns: Namespace) -> None:
    ns.create("statefulsets", with_claims(replicas=0))
    body = {"spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim(size="5Gi")["spec"]}]}}
    answer = ns.patch("statefulsets", "db", body)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"spec"}


def test_a_mount_of_what_is_neither_volume_nor_claim_is_422(ns: Namespace) -> None:
    needs(ns.api, 36)
    body = with_claims(replicas=0)
    body["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]["name"] = "ghost"
    answer = ns.post("statefulsets", body)
    assert (answer.status, answer.reason) == (422, "Invalid")
    assert answer.causes == {"spec.template.spec.containers[0].volumeMounts[0].name"}


def test_the_claims_of_a_template_are_filled_in(ns: Namespace) -> None:
    found = ns.create("statefulsets", with_claims(replicas=0))["spec"]["volumeClaimTemplates"]
    assert (found[0]["kind"], found[0]["status"]) == ("PersistentVolumeClaim", {"phase": "Pending"})
    assert found[0]["spec"]["volumeMode"] == "Filesystem"
    wait_for(lambda: ns.names("pods"), lambda names: not names, what="no pods")
