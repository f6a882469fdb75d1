"""metadata.managedFields: who set which field."""

from typing import Any

from tests.contract.api import MERGE, STRATEGIC
from tests.contract.namespace import Namespace
from tests.contract.objects import configmap, container, deployment
from tests.contract.versions import needs


def managed(found: Any, manager: str, subresource: str | None = None) -> Any:
    """The fields of a manager."""
    entries = [
        entry
        for entry in found["metadata"]["managedFields"]
        if entry["manager"] == manager and entry.get("subresource") == subresource
    ]
    assert len(entries) == 1, found["metadata"]["managedFields"]
    assert entries[0]["fieldsType"] == "FieldsV1"
    return entries[0]["fieldsV1"]


def test_a_creator_owns_what_it_said_and_what_was_filled_in(ns: Namespace) -> None:
    app = container(
        env=[{"name": "A", "value": "1"}],
        ports=[{"name": "http", "containerPort": 80}],
        resources={"limits": {"memory": "1Gi"}},
        readinessProbe={"httpGet": {"port": 80}},
    )
    found = ns.post("deployments", deployment("web", app, replicas=0), fieldManager="maker").ok()
    entry = found["metadata"]["managedFields"][0]
    assert (entry["operation"], entry["apiVersion"]) == ("Update", "apps/v1")
    assert entry["time"]
    own: Any = {".": {}}
    assert managed(found, "maker") == {
        "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
        "f:spec": {
            "f:progressDeadlineSeconds": {},
            "f:replicas": {},
            "f:revisionHistoryLimit": {},
            "f:selector": {},
            "f:strategy": {"f:rollingUpdate": {**own, "f:maxSurge": {}, "f:maxUnavailable": {}}, "f:type": {}},
            "f:template": {
                "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"app"}': {
                            **own,
                            "f:env": {**own, 'k:{"name":"A"}': {**own, "f:name": {}, "f:value": {}}},
                            "f:image": {},
                            "f:imagePullPolicy": {},
                            "f:name": {},
                            "f:ports": {
                                **own,
                                'k:{"containerPort":80,"protocol":"TCP"}': {
                                    **own,
                                    "f:containerPort": {},
                                    "f:name": {},
                                    "f:protocol": {},
                                },
                            },
                            "f:readinessProbe": {
                                **own,
                                "f:failureThreshold": {},
                                "f:httpGet": {**own, "f:path": {}, "f:port": {}, "f:scheme": {}},
                                "f:periodSeconds": {},
                                "f:successThreshold": {},
                                "f:timeoutSeconds": {},
                            },
                            "f:resources": {**own, "f:limits": {**own, "f:memory": {}}},
                            "f:terminationMessagePath": {},
                            "f:terminationMessagePolicy": {},
                        }
                    },
                    "f:dnsPolicy": {},
                    "f:restartPolicy": {},
                    "f:schedulerName": {},
                    "f:securityContext": {},
                    "f:terminationGracePeriodSeconds": {},
                },
            },
        },
    }


def test_whoever_changes_a_field_owns_it(ns: Namespace) -> None:
    ns.post("configmaps", configmap(colour="red", size="1"), fieldManager="first").ok()
    found = ns.patch("configmaps", "settings", {"data": {"colour": "blue"}}, fieldManager="second").ok()
    assert managed(found, "first") == {"f:data": {".": {}, "f:size": {}}}
    assert managed(found, "second") == {"f:data": {"f:colour": {}}}
    found = ns.patch("configmaps", "settings", {"data": {"colour": "red"}}, fieldManager="first").ok()
    assert managed(found, "first") == {"f:data": {".": {}, "f:colour": {}, "f:size": {}}}
    assert [entry["manager"] for entry in found["metadata"]["managedFields"]] == ["first"]


def test_the_same_value_again_changes_no_owner(ns: Namespace) -> None:
    created = ns.post("configmaps", configmap(colour="red"), fieldManager="first").ok()
    for how in (MERGE, STRATEGIC):
        found = ns.patch("configmaps", "settings", {"data": {"colour": "red"}}, how, fieldManager="second").ok()
        assert found == created


def test_a_removed_field_is_nobodys(ns: Namespace) -> None:
    ns.post("configmaps", configmap(colour="red", size="1"), fieldManager="first").ok()
    found = ns.patch("configmaps", "settings", {"data": {"colour": None}}, fieldManager="second").ok()
    assert managed(found, "first") == {"f:data": {".": {}, "f:size": {}}}
    assert [entry["manager"] for entry in found["metadata"]["managedFields"]] == ["first"]


def test_a_put_owns_what_it_changes(ns: Namespace) -> None:
    created = ns.post("configmaps", configmap(colour="red"), fieldManager="first").ok()
    created["metadata"]["labels"] = {"team": "a"}
    found = ns.put("configmaps", "settings", created, fieldManager="second").ok()
    assert managed(found, "second") == {"f:metadata": {"f:labels": {".": {}, "f:team": {}}}}
    assert managed(found, "first") == {"f:data": {".": {}, "f:colour": {}}}


def test_an_image_belongs_to_whoever_set_it_last(ns: Namespace) -> None:
    ns.post("deployments", deployment(replicas=0), fieldManager="first").ok()
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "nginx:1.27"}]}}}}
    found = ns.patch("deployments", "web", patch, STRATEGIC, fieldManager="second").ok()
    image = {"f:containers": {'k:{"name":"app"}': {"f:image": {}}}}
    assert managed(found, "second") == {"f:spec": {"f:template": {"f:spec": image}}}


def test_a_controller_owns_the_status(ns: Namespace) -> None:
    needs(ns.api, 22)
    ns.deploy(deployment())
    found = ns.settled("web")
    status = managed(found, "kube-controller-manager", "status")
    assert status["f:metadata"] == {"f:annotations": {".": {}, "f:deployment.kubernetes.io/revision": {}}}
    assert {"f:availableReplicas", "f:readyReplicas", "f:replicas", "f:conditions"} <= status["f:status"].keys()


def test_a_scale_has_its_own_entry(ns: Namespace) -> None:
    needs(ns.api, 23)
    ns.post("deployments", deployment(replicas=0), fieldManager="first").ok()
    body = {"spec": {"replicas": 1}}
    ns.patch("deployments", "web", body, subresource="scale", fieldManager="scaler").ok()
    found = ns.read("deployments", "web")
    assert managed(found, "scaler", "scale") == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in managed(found, "first")["f:spec"]


def test_without_a_field_manager_it_is_the_user_agent(ns: Namespace) -> None:
    found = ns.create("configmaps", configmap(colour="red"))
    assert found["metadata"]["managedFields"][0]["manager"] == "python-urllib3"


def test_one_empty_entry_lets_everything_go(ns: Namespace) -> None:
    ns.create("configmaps", configmap(colour="red"))
    found = ns.patch("configmaps", "settings", {"metadata": {"managedFields": [{}]}}).ok()
    assert "managedFields" not in found["metadata"]
    assert found["data"] == {"colour": "red"}


def test_a_dry_run_shows_the_owners_it_would_make(ns: Namespace) -> None:
    created = ns.post("configmaps", configmap(colour="red"), fieldManager="first").ok()
    query = {"dryRun": "All", "fieldManager": "second"}
    found = ns.patch("configmaps", "settings", {"data": {"colour": "blue"}}, **query).ok()
    assert managed(found, "second") == {"f:data": {"f:colour": {}}}
    assert ns.read("configmaps", "settings") == created
