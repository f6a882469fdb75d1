"""Every operation, run from its resolution to its rollback as a user who has the generated role and nothing else.

No request is refused, and no right of the role goes unused. Needs a cluster that asks RBAC: the sandbox asks nobody.
"""

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import pytest
from pydantic import SecretStr

from countersign.actions.kinds import KINDS, kinds_for
from countersign.actions.operation import (
    CreateJobParameters,
    DeleteParameters,
    DrainParameters,
    KubernetesOperation,
    MetadataParameters,
    NoParameters,
    Parameters,
    PatchParameters,
    PatchType,
    ScaleParameters,
    SetEnvParameters,
    SetImageParameters,
    SetResourcesParameters,
    Taint,
    TaintEffect,
    TaintParameters,
    UndoParameters,
    Verb,
)
from countersign.errors import PermanentTargetError, TargetNotFound
from countersign.targets.kubernetes.connection import ClusterSettings, Connection, connect
from countersign.targets.kubernetes.investigate import run_investigation
from countersign.targets.kubernetes.kubeconfig_rules import Allowances
from countersign.targets.kubernetes.reviewing import missing_rights
from countersign.targets.kubernetes.rights import INVESTIGATE, Right, needs_of
from countersign.targets.kubernetes.target import KubernetesTarget
from countersign.targets.model import Landed, Plan, Severity
from tests.intents import apply
from tests.targets.cluster import Cluster
from tests.targets.rights.ground import furnished, granted, name_of, wait_for_revisions
from tests.targets.rights.recorder import RecordingProxy

pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif("E2E_KUBECONFIG" not in os.environ, reason="needs a cluster with RBAC: E2E_KUBECONFIG"),
]

_PARAMETERS: Final[dict[Verb, Parameters]] = {
    Verb.UNDO: UndoParameters(),
    Verb.SET_IMAGE: SetImageParameters((("app", "app:9"),)),
    Verb.SET_ENV: SetEnvParameters(set=(("A", "9"),)),
    Verb.SET_RESOURCES: SetResourcesParameters(limits=(("cpu", "1"),)),
    Verb.DRAIN: DrainParameters(force=True, ignore_daemonsets=True, delete_emptydir_data=True),
    Verb.ANNOTATE: MetadataParameters(set=(("who", "me"),)),
    Verb.LABEL: MetadataParameters(set=(("who", "me"),)),
    Verb.TAINT: TaintParameters(set=(Taint("spare", "", TaintEffect.NO_EXECUTE),)),
    Verb.CREATE_JOB: CreateJobParameters("once-more"),
}
_WHERE_IT_TAKES_TIME: Final = {Right("", "pods", "watch", everywhere=True)}
"""Here, nothing that is evicted takes its time, so nobody waits for it."""
MERGE: Final = "application/merge-patch+json"


class Acting:
    """The target as the user with the generated role."""

    def __init__(self, cluster: Cluster, connection: Connection, operation: Verb) -> None:
        self.cluster = cluster
        self.verb = operation
        self.target = KubernetesTarget(connection)

    def operation(self, kind: str, name: str, parameters: Parameters | None = None) -> KubernetesOperation:
        return KubernetesOperation(
            self.verb, kind, (name,), None, parameters or _PARAMETERS.get(self.verb) or NoParameters()
        )

    def miss(self, kind: str) -> None:
        """Name what does not exist, as people do."""
        with pytest.raises(TargetNotFound):
            self.target.resolve(self.operation(kind, "nothing-of-the-kind"))

    def run(self, operation: KubernetesOperation) -> Plan:
        """All seven questions, and the way back."""
        target = self.target
        resolution = target.resolve(operation)
        plan = target.plan(operation, resolution, at=datetime.now(UTC))
        assert plan.steps, f"{operation} would change nothing"
        codes = {finding.code for finding in target.preflight(plan)}
        assert not codes & {"dry_run_refused", "pdb_not_readable", "hpa_not_readable"}, codes
        target.observe(plan)
        for step in plan.steps:
            apply(target, plan, step)
            assert target.inspect(plan, step).landed is Landed.YES
        with target.looking(plan) as looking:
            looking.complete(looking.look())
        back = target.invert(plan)
        for step in back.steps if back is not None else ():
            apply(target, back, step)
            target.inspect(back, step)
        return plan


@pytest.fixture
def kinds(cluster: Cluster) -> Iterator[set[str]]:
    with furnished(cluster) as kinds:
        yield kinds


def settings_as(cluster: Cluster, kubeconfig: SecretStr) -> ClusterSettings:
    return ClusterSettings(
        "c",
        default_namespace=cluster.namespace,
        allowed_namespaces=(cluster.namespace,),
        kubeconfig=kubeconfig,
        allowed=Allowances(insecure_tls=True),
    )


def wait_for_the_role(cluster: Cluster, proxy: RecordingProxy, operations: Sequence[str], **asked: Any) -> None:
    """The API server hears of a new role a moment later."""
    with connect(settings_as(cluster, proxy.kubeconfig), request_timeout=30) as connection:
        cluster.until(
            lambda: not missing_rights(connection, operations, namespaces=[cluster.namespace], **asked) or None
        )
    proxy.forget()


def judge(proxy: RecordingProxy, operation: str, absent: set[tuple[str, str]]) -> None:
    """Nothing refused; and used is what was granted, apart from what this cluster does not have."""
    assert proxy.refused() == []
    wanted = {need.right for need in needs_of([operation], secrets=False)} - _WHERE_IT_TAKES_TIME
    # What is granted everywhere is granted here.
    wide = {replace(right, everywhere=False): right for right in wanted if right.everywhere}
    used = {right if right in wanted else wide.get(right, right) for right in proxy.used()}
    assert sorted(used) == sorted(right for right in wanted if (right.group, right.resource) not in absent)


def absent_from(connection: Connection, kinds: set[str]) -> set[tuple[str, str]]:
    """What this cluster has nowhere, or not where it is asked for."""
    absent = {(KINDS[kind].group, KINDS[kind].plural) for kind in set(KINDS) - kinds}
    if not connection.versions("metrics.k8s.io"):
        absent |= {("metrics.k8s.io", "pods"), ("metrics.k8s.io", "nodes")}
    return absent


@pytest.mark.parametrize("verb", list(Verb))
def test_an_operation_has_every_right_that_it_uses_and_uses_every_one(
    cluster: Cluster, cluster_kubeconfig: str, kinds: set[str], verb: Verb
) -> None:
    prepare(cluster, verb)
    with granted(cluster, [verb.value], kubeconfig=cluster_kubeconfig) as proxy:
        wait_for_the_role(cluster, proxy, [verb.value])
        with connect(settings_as(cluster, proxy.kubeconfig), request_timeout=30) as connection:
            acting = Acting(cluster, connection, verb)
            # Pods first: other deletions take their controllers away.
            for kind in sorted(kinds_for(verb), key=lambda kind: kind.kind != "Pod"):
                if kind.kind in kinds and kind.kind != "Secret":
                    acting.miss(kind.kind)
                    perform(acting, kind.kind)
            look_for_the_namespace(acting)
        judge(proxy, verb.value, absent_from(cluster.connection, kinds))


def prepare(cluster: Cluster, verb: Verb) -> None:
    """What the operation needs to find, made by somebody else."""
    if verb is Verb.UNDO:
        patch = {"spec": {"template": {"metadata": {"annotations": {"second": "revision"}}}}}
        for kind in ("Deployment", "StatefulSet", "DaemonSet"):
            cluster.change(kind, name_of(kind, cluster.namespace), patch)
            if kind != "DaemonSet":
                cluster.settled(kind, name_of(kind, cluster.namespace))
        wait_for_revisions(cluster, 2)
    if verb is Verb.RESUME:
        cluster.change("Deployment", "api", {"spec": {"paused": True}})
    if verb is Verb.UNCORDON:
        cluster.change("Node", cluster.namespace, {"spec": {"unschedulable": True}})
    if verb is Verb.DRAIN:
        spec = {"containers": [{"name": "app", "image": "app:1"}], "terminationGracePeriodSeconds": 0}
        body = {"metadata": {"name": "stray"}, "spec": {**spec, "nodeName": cluster.namespace}}
        cluster.create("Pod", body)
        cluster.until(lambda: any(owner_kind(pod) == "DaemonSet" for pod in on_node(cluster)))


def pod_of(cluster: Cluster, owner: str) -> str | None:
    names = (str(pod["metadata"]["name"]) for pod in cluster.items("Pod") if owner_kind(pod) == owner)
    return next(names, None)


def on_node(cluster: Cluster) -> list[Any]:
    return [pod for pod in cluster.items("Pod") if pod["spec"].get("nodeName") == cluster.namespace]


def owner_kind(pod: Any) -> str | None:
    return next((owner["kind"] for owner in pod["metadata"].get("ownerReferences") or ()), None)


def perform(acting: Acting, kind: str) -> None:
    cluster, verb = acting.cluster, acting.verb
    name = name_of(kind, cluster.namespace)
    match verb:
        case Verb.SCALE:
            acting.run(acting.operation(kind, name, ScaleParameters(0)))
        case Verb.PATCH:
            acting.run(acting.operation(kind, name, patch({"metadata": {"annotations": {"who": "me"}}})))
            if kind in ("Deployment", "StatefulSet", "ReplicaSet"):
                acting.run(acting.operation(kind, name, patch({"spec": {"replicas": 0}})))
        case Verb.DELETE if kind == "Pod":
            for owner in ("ReplicaSet", "StatefulSet", "DaemonSet", "Job"):
                pod = cluster.until(partial(pod_of, cluster, owner))
                acting.run(acting.operation(kind, pod, DeleteParameters(grace_period_seconds=1)))
        case Verb.DELETE:
            acting.run(acting.operation(kind, name, DeleteParameters()))
        case _:
            acting.run(acting.operation(kind, name))


def patch(body: Any) -> PatchParameters:
    return PatchParameters(PatchType.MERGE, json.dumps(body))


def look_for_the_namespace(acting: Acting) -> None:
    """Where nothing of a kind is left, the namespace itself is looked for."""
    kinds = [kind.kind for kind in kinds_for(acting.verb) if kind.namespaced]
    if not kinds:
        return
    cluster = acting.cluster
    kind = "Job" if "Job" in kinds else kinds[0]
    path = cluster.path(kind, "")
    cluster.write("DELETE", path.rstrip("/"), {"propagationPolicy": "Background"}, what="delete all")
    cluster.until(lambda: not cluster.items(kind) or None)
    acting.miss(kind)


@pytest.mark.parametrize("verb", [Verb.ANNOTATE, Verb.LABEL])
def test_secrets_are_acted_on_where_they_are_asked_for(
    cluster: Cluster, cluster_kubeconfig: str, kinds: set[str], verb: Verb
) -> None:
    with granted(cluster, [verb.value], kubeconfig=cluster_kubeconfig, secrets=True) as proxy:
        wait_for_the_role(cluster, proxy, [verb.value], secrets=True)
        with connect(settings_as(cluster, proxy.kubeconfig), request_timeout=30) as connection:
            acting = Acting(cluster, connection, verb)
            acting.miss("Secret")
            perform(acting, "Secret")
        assert proxy.refused() == []
        secrets = {need.right for need in needs_of([verb.value], secrets=True) if need.right.resource == "secrets"}
        assert {right for right in proxy.used() if right.resource == "secrets"} == secrets


def test_secrets_are_refused_where_they_are_not(cluster: Cluster, cluster_kubeconfig: str, kinds: set[str]) -> None:
    with granted(cluster, ["label"], kubeconfig=cluster_kubeconfig) as proxy:
        wait_for_the_role(cluster, proxy, ["label"])
        settings = settings_as(cluster, proxy.kubeconfig)
        with (
            connect(settings, request_timeout=30) as connection,
            pytest.raises(PermanentTargetError, match="secrets"),
        ):
            perform(Acting(cluster, connection, Verb.LABEL), "Secret")


def test_a_right_that_is_missing_is_named_and_switches_no_protection_off(
    cluster: Cluster, cluster_kubeconfig: str, kinds: set[str]
) -> None:
    with granted(cluster, ["scale"], kubeconfig=cluster_kubeconfig) as proxy:
        wait_for_the_role(cluster, proxy, ["scale"])
        path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{cluster.namespace}/roles/{cluster.namespace}-acting"
        rules = cluster.connection.get(path)["rules"]
        kept = [rule for rule in rules if not {"policy", "autoscaling"} & set(rule["apiGroups"])]
        cluster.write("PATCH", path, {"rules": kept}, what="take rights away", content_type=MERGE)
        with connect(settings_as(cluster, proxy.kubeconfig), request_timeout=30) as connection:
            asked = partial(missing_rights, connection, ["scale"], namespaces=[cluster.namespace])
            missing = cluster.until(lambda: asked() if len(asked()) == 2 else None)
            assert [str(one) for one in missing] == [
                f"may not list {resource} in namespace {cluster.namespace}, which scale needs"
                for resource in ("horizontalpodautoscalers.autoscaling", "poddisruptionbudgets.policy")
            ]
            acting = Acting(cluster, connection, Verb.SCALE)
            operation = acting.operation("Deployment", "api", ScaleParameters(0))
            plan = acting.target.plan(operation, acting.target.resolve(operation), at=datetime.now(UTC))
            findings = {(finding.severity, finding.code) for finding in acting.target.preflight(plan)}
        assert {(Severity.WARNING, "pdb_not_readable"), (Severity.WARNING, "hpa_not_readable")} <= findings


_LOOKS: Final = (
    "get {plurals}",
    "get {objects}",
    "describe {objects}",
)
_FURTHER_LOOKS: Final = (
    "get {plurals} -l app=api -o yaml",
    "logs deployment/api",
    "logs {pod} --tail=5",
    "events",
    "events --for=deployment/api --types=Warning",
    "rollout status deployment/api --timeout=5s",
    "rollout status statefulset/db --timeout=5s",
    "rollout history deployment/api",
    "rollout history deployment/api --revision=1",
    "rollout history statefulset/db",
    "rollout history statefulset/db --revision=1",
    "rollout history daemonset/agent",
    "get namespace kube-system",
    "explain deployment.spec.strategy",
    "auth can-i delete pods",
    "auth can-i --list",
    "version",
    "api-resources",
    "api-versions",
    "top pod",
    "top node",
)


def watch(proxy: RecordingProxy, settings: ClusterSettings, plural: str, name: str) -> None:
    """Wait for what does not come; what comes before the watching may take longer than a short time limit."""
    for seconds in (1, 4, 16):
        look = f"wait {plural}/{name} --for=jsonpath={{.metadata.nothing}}=here --timeout={seconds}s"
        run_investigation(settings, look.split(), timeout=60)
        if any((right.resource, right.verb) == (plural, "watch") for right in proxy.used()):
            return


@pytest.mark.timeout(900)
def test_investigations_have_every_right_that_they_use(
    cluster: Cluster, cluster_kubeconfig: str, kinds: set[str]
) -> None:
    with granted(cluster, [INVESTIGATE], kubeconfig=cluster_kubeconfig) as proxy:
        wait_for_the_role(cluster, proxy, [INVESTIGATE])
        places = [(KINDS[kind].plural, name_of(kind, cluster.namespace)) for kind in sorted(kinds - {"Secret"})]
        words = {
            "pod": pod_of(cluster, "ReplicaSet"),
            "plurals": ",".join(plural for plural, _ in places),
            "objects": " ".join(f"{plural}/{name}" for plural, name in places),
        }
        looks = [look.format(**words) for look in (*_LOOKS, *_FURTHER_LOOKS)]
        settings = settings_as(cluster, proxy.kubeconfig)
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda look: run_investigation(settings, look.split(), timeout=60), looks))
            # One by one: kubectl watches one object of several at a time.
            list(threads.map(lambda place: watch(proxy, settings, *place), places))
        judge(proxy, INVESTIGATE, absent_from(cluster.connection, kinds))
