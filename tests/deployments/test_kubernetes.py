"""The manifests for a cluster: valid, as small in rights as they say, and without a secret in them."""

import os
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from countersign.cli.cluster_role import account_named, role_yaml
from countersign.errors import TargetNotFound
from countersign.settings import Settings
from countersign.targets.kubernetes.requests import HttpRequest
from countersign.targets.kubernetes.rights import OPERATIONS
from tests.deployments.manifests import KUBERNETES, containers, named, pod_specs, rendered
from tests.targets.cluster import Cluster
from tests.targets.conftest import cluster, cluster_kubeconfig, shared_cluster

__all__ = ["cluster", "cluster_kubeconfig", "shared_cluster"]
# From the oldest version that has all of the kinds to the newest that the schemas know.
VERSIONS = ("1.25", "1.29", "1.33", "1.37")
_SECRET = re.compile(r"PASSWORD|TOKEN|AUTH|_URL$|SECRET|KEY")
WITHOUT_PREFECT = {"migrate", "archive"}
_PLAIN = {"PREFECT_API_URL", "PREFECT_SERVER_UI_API_URL"}


@pytest.fixture(scope="module", params=["base", "trial", "monitored", "base, archive"])
def manifests(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder, _, component = request.param.partition(", ")
    if not component:
        return rendered(KUBERNETES / folder)
    overlay = tmp_path_factory.mktemp("overlay")
    resource, taken = (os.path.relpath(KUBERNETES / name, overlay) for name in (folder, component))
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump({"resources": [resource], "components": [taken]}))
    return rendered(overlay)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid_to_the_letter(manifests: list[dict[str, Any]], version: str) -> None:
    for document in manifests:
        kubernetes_validate.validate(document, version, strict=True)


def test_the_role_is_the_generated_one() -> None:
    written = (KUBERNETES / "base" / "role.yaml").read_text()
    assert written == role_yaml(OPERATIONS, account=account_named("countersign")), (
        "make it again: countersign clusters rbac > deployments/kubernetes/base/role.yaml"
    )


def test_nothing_runs_as_root_or_writes_outside_its_volumes(manifests: list[dict[str, Any]]) -> None:
    seen = dict(pod_specs(manifests))
    assert {"StatefulSet/countersign-worker", "Deployment/countersign-server", "Job/countersign-setup"} <= set(seen)
    for name, spec in seen.items():
        pod = spec["securityContext"]
        assert pod["runAsNonRoot"] and pod["runAsUser"] > 0, name
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in containers(spec):
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] and not own["allowPrivilegeEscalation"], (name, container["name"])
            assert own["capabilities"] == {"drop": ["ALL"]}, (name, container["name"])
            assert container["resources"]["requests"] and container["resources"]["limits"]["memory"]
            assert ":" in container["image"] and not container["image"].endswith(":latest")


def test_secrets_come_by_reference_alone(manifests: list[dict[str, Any]]) -> None:
    assert not [document for document in manifests if document["kind"] == "Secret"]
    for document in manifests:
        if document["kind"] == "ConfigMap":
            assert not {key for key in document["data"] if _SECRET.search(key)} - _PLAIN
    for name, spec in pod_specs(manifests):
        for container in containers(spec):
            for variable in container.get("env", ()):
                if _SECRET.search(variable["name"]) and variable["name"] not in _PLAIN:
                    assert "secretKeyRef" in variable["valueFrom"], (name, variable["name"])


def test_every_variable_of_ours_is_a_setting(manifests: list[dict[str, Any]]) -> None:
    known = {f"COUNTERSIGN_{field.upper()}" for field in Settings.model_fields}
    used = {v["name"] for _, spec in pod_specs(manifests) for c in containers(spec) for v in c.get("env", ())}
    used |= {key for one in manifests if one["kind"] == "ConfigMap" for key in one["data"]}
    assert {name for name in used if name.startswith("COUNTERSIGN_")} <= known


def test_prefects_api_asks_who_is_there_and_everybody_can_answer(manifests: list[dict[str, Any]]) -> None:
    for name, spec in pod_specs(manifests):
        for container in containers(spec):
            env = {variable["name"]: variable.get("valueFrom") for variable in container.get("env", ())}
            if "server" in name:
                assert env["PREFECT_SERVER_API_AUTH_STRING"] == env["PREFECT_API_AUTH_STRING"]
            elif container["image"].startswith("countersign:") and container["name"] not in WITHOUT_PREFECT:
                assert env["PREFECT_API_AUTH_STRING"]["secretKeyRef"]["key"] == "prefect-auth", container["name"]


def test_only_who_acts_on_the_cluster_has_its_token(manifests: list[dict[str, Any]]) -> None:
    acting = {name for name, spec in pod_specs(manifests) if spec.get("serviceAccountName") == "countersign"}
    assert acting == {"StatefulSet/countersign-worker", "CronJob/countersign-reconciliation"}
    for name, spec in pod_specs(manifests):
        assert name in acting or spec["automountServiceAccountToken"] is False, name


def test_every_pod_is_under_the_network_policies(manifests: list[dict[str, Any]]) -> None:
    (nothing,) = [one for one in manifests if named(one) == "NetworkPolicy/countersign-nothing"]
    assert nothing["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_a_trials_databases_let_in_whoever_has_their_address() -> None:
    manifests = rendered(KUBERNETES / "trial")
    (policy,) = [one for one in manifests if named(one) == "NetworkPolicy/countersign-databases"]
    (rule,) = policy["spec"]["ingress"]
    let_in = set(rule["from"][0]["podSelector"]["matchExpressions"][0]["values"])
    asking = {
        name.partition("/countersign-")[2]
        for name, spec in pod_specs(manifests)
        for container in containers(spec)
        for variable in container.get("env", ())
        if "database-url" in str(variable.get("valueFrom"))
    }
    assert asking == {"server", "worker", "web", "setup", "reconciliation"}
    assert asking <= let_in


@pytest.mark.contract
@pytest.mark.skipif("E2E_KUBECONFIG" not in os.environ, reason="a real API server is the judge: E2E_KUBECONFIG")
def test_an_api_server_takes_every_manifest(cluster: Cluster, tmp_path: Path) -> None:
    """By its dry run, in a namespace of the test's own; the kinds that this server has."""
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": cluster.namespace,
        "resources": [os.path.relpath(KUBERNETES / "trial", tmp_path)],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    taken, absent = [], []
    for document in rendered(tmp_path):
        if document["kind"] == "Namespace":
            continue
        try:
            taken.append(dry(cluster, document))
        except TargetNotFound:
            absent.append(named(document))
    assert {"Deployment", "StatefulSet", "Job", "NetworkPolicy", "ConfigMap", "Service"} <= set(taken)
    # What a server of some age does not have; 1.20 has neither CronJobs in batch/v1 nor policy/v1.
    allowed = {"CronJob/countersign-reconciliation", "PodDisruptionBudget/countersign-worker"}
    assert {name for name in absent if "Role" not in name} <= allowed


def dry(cluster: Cluster, document: dict[str, Any]) -> str:
    group, _, version = document["apiVersion"].rpartition("/")
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    plural = f"{document['kind'].lower()}s".replace("policys", "policies")
    place = f"/namespaces/{cluster.namespace}" if "namespace" in document["metadata"] else ""
    request = HttpRequest("POST", f"{root}{place}/{plural}", document, query={"dryRun": "All"})
    answer = cluster.connection._request(request, what=f"dry run of {named(document)}", about=None)
    return str(answer["kind"])


@pytest.mark.parametrize("folder", ["base", "trial", "archive"])
def test_every_file_is_used(folder: str) -> None:
    listed = yaml.safe_load((KUBERNETES / folder / "kustomization.yaml").read_text())["resources"]
    here = {file.name for file in (KUBERNETES / folder).glob("*.yaml")} - {"kustomization.yaml"}
    assert here == set(listed) - {"../base"}
