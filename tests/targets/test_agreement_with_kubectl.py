"""The same command, by the real kubectl on one twin and by us on the other, leaves the same objects.

Where we differ on purpose, the list says so with the reason.
"""
# ruff: noqa: E501 - a command is one line

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.targets.cluster import Cluster
from tests.targets.twins import Side, countersign, kubectl

pytestmark = pytest.mark.contract

BOTH_DO: Final = [
    "kubectl rollout restart deployment/api",
    "kubectl rollout restart deploy api",
    "kubectl rollout restart statefulset/db",
    "kubectl rollout restart daemonset agent",
    "kubectl scale deployment api --replicas=3",
    "kubectl scale --replicas=2 sts/db",
    "kubectl scale rs rs --replicas=1",
    "kubectl scale deployment/api --replicas=2 --current-replicas=0",
    "kubectl scale deployment/api --replicas=0",
    "kubectl set image deployment/api app=app:2",
    "kubectl set image deployment/api app=app:2 proxy=proxy:2",
    "kubectl set image deployment/api setup=setup:2",
    "kubectl set image deployment/api '*=all:9'",
    "kubectl set image sts db app=registry.example.com:5000/app@sha256:0123456789012345678901234567890123456789012345678901234567890123",
    "kubectl set image ds/agent app=app:2",
    "kubectl set image rs/rs app=app:2",
    "kubectl set image pod/one app=app:2",
    "kubectl set image deployment/api app=app:1",
    "kubectl set env deployment/api LEVEL=debug",
    "kubectl set env deployment/api A=9 C=3",
    "kubectl set env deployment/api A- B-",
    "kubectl set env deployment/api A-",
    "kubectl set env deployment/api C=3 A- -c app",
    "kubectl set env deployment/api X=1 --containers='pro*'",
    "kubectl set env deployment/api EMPTY=",
    "kubectl set env deployment/api 'TEXT=a b = c'",
    "kubectl set env sts/db X=1 -c proxy",
    "kubectl set env ds/agent X=1",
    "kubectl set resources deployment/api --limits=cpu=200m,memory=512Mi",
    "kubectl set resources deployment/api --requests=cpu=1000m -c app",
    "kubectl set resources deployment/api --limits=cpu=0 --requests=cpu=0",
    "kubectl set resources sts/db -c proxy --limits=memory=1Gi --requests=memory=512Mi",
    "kubectl rollout pause deployment/api",
    "kubectl cordon NODE",
    "kubectl uncordon NODE",
    "kubectl drain NODE --force",
    "kubectl drain NODE --force --ignore-daemonsets --delete-emptydir-data --grace-period=0",
    "kubectl delete pod one --grace-period=0 --force",
    "kubectl delete pod one two --now",
    "kubectl delete pod/one pod/two",
    "kubectl delete job load",
    "kubectl annotate deployment api who=me",
    "kubectl annotate deployment api note=second --overwrite",
    "kubectl annotate deployment api note=first",
    "kubectl annotate deployment api note-",
    "kubectl annotate deployment api kubernetes.io/change-cause=because",
    "kubectl annotate node NODE who=me",
    "kubectl annotate cm settings who=me a.b/c='d e'",
    "kubectl label deployment api team=shop",
    "kubectl label deployment api tier=db --overwrite",
    "kubectl label deployment api tier=web",
    "kubectl label deployment api tier-",
    "kubectl label deployment api tier- team=shop",
    "kubectl label node NODE zone=b --overwrite",
    "kubectl label pod one two team=shop",
    """kubectl patch deployment api -p '{"spec":{"replicas":2}}'""",
    """kubectl patch deployment api -p '{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"app:5"}]}}}}'""",
    """kubectl patch deployment api -p '{"spec":{"template":{"spec":{"containers":[{"name":"new","image":"new:1"}]}}}}'""",
    """kubectl patch deployment api -p '{"spec":{"template":{"spec":{"containers":[{"name":"proxy","$patch":"delete"}]}}}}'""",
    """kubectl patch deployment api --type=merge -p '{"metadata":{"labels":{"tier":null,"x":"y"}}}'""",
    """kubectl patch deployment api --type=merge -p '{"spec":{"template":{"spec":{"containers":[{"name":"only","image":"o:1"}]}}}}'""",
    """kubectl patch deployment api --type=json -p '[{"op":"replace","path":"/spec/replicas","value":1}]'""",
    """kubectl patch deployment api --type=json -p '[{"op":"remove","path":"/spec/template/spec/containers/0/env/0"}]'""",
    """kubectl patch cm settings --type=merge -p '{"data":{"level":"debug","more":"1"}}'""",
    """kubectl patch hpa auto --type=merge -p '{"spec":{"maxReplicas":7}}'""",
    """kubectl patch hpa auto -p '{"spec":{"minReplicas":2,"maxReplicas":5}}'""",
    """kubectl patch service web -p '{"spec":{"sessionAffinity":"ClientIP"}}'""",
    """kubectl patch node NODE -p '{"spec":{"unschedulable":true}}'""",
]

AFTER: Final = [
    # (what kubectl did on both twins before, the command)
    ("kubectl set image deployment/api app=app:2", "kubectl rollout undo deployment/api"),
    ("kubectl set image deployment/api app=app:2", "kubectl rollout undo deployment/api --to-revision=1"),
    ("kubectl set image sts/db app=app:2", "kubectl rollout undo sts/db"),
    ("kubectl set image ds/agent app=app:2", "kubectl rollout undo daemonset/agent --to-revision=1"),
    ("kubectl annotate deployment api note=second --overwrite", "kubectl rollout restart deployment/api"),
    ("kubectl rollout pause deployment/api", "kubectl rollout resume deployment/api"),
    ("kubectl rollout pause deployment/api", "kubectl set image deployment/api app=app:2"),
    ("kubectl cordon NODE", "kubectl uncordon NODE"),
    ("kubectl cordon NODE", "kubectl cordon NODE"),
    ("kubectl cordon NODE", "kubectl drain NODE --force"),
]

BOTH_REFUSE: Final = [
    ("", "kubectl rollout restart deployment/no-such"),
    ("", "kubectl rollout undo deployment/api"),
    ("kubectl set image deployment/api app=app:2", "kubectl rollout undo deployment/api --to-revision=9"),
    ("kubectl rollout pause deployment/api", "kubectl rollout restart deployment/api"),
    ("", "kubectl scale deployment/api --replicas=2 --current-replicas=5"),
    ("", "kubectl set image deployment/api nope=app:2"),
    ("", "kubectl set env deployment/api A=9 --overwrite=false"),
    ("", "kubectl label deployment api tier=db"),
    ("", "kubectl annotate deployment api note=second"),
    ("", """kubectl patch deployment api -p '{"spec":{"replicas":-1}}'"""),
    ("", """kubectl patch deployment api --type=json -p '[{"op":"test","path":"/spec/replicas","value":9}]'"""),
    ("", "kubectl delete pod no-such"),
]

ONLY_KUBECTL_REFUSES: Final = [
    # (before, command, why we say "already so")
    ("kubectl rollout pause deployment/api", "kubectl rollout pause deployment/api", "it is paused, as was wanted"),
    ("", "kubectl rollout resume deployment/api", "it is not paused, as was wanted"),
]

ONLY_WE_REFUSE: Final = [
    # (before, command, why)
    ("", "kubectl rollout restart deployment -l app=api", "a selector has no bound"),
    ("", "kubectl delete pod --all", "so has --all"),
    ("", "kubectl rollout restart deployment/api statefulset/db", "an operation is about one kind"),
    ("", "kubectl delete pod one ; true", "kubectl would look for a pod named ';'"),
]


@pytest.fixture
def twins(shared_cluster: Cluster) -> Iterator[tuple[Side, Side]]:
    theirs, ours = Side(shared_cluster), Side(shared_cluster)
    yield theirs, ours
    for side in (theirs, ours):
        side.clean()


@pytest.fixture(scope="module")
def kubeconfig(shared_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kubectl") / "config"
    path.write_text(shared_cluster.direct.get_secret_value())
    return path


def prepare(twins: tuple[Side, Side], kubeconfig: Path, before: str) -> None:
    for side in twins:
        if before:
            done, said = kubectl(side, kubeconfig, before)
            assert done, said
            cluster = side.enter()
            for kind, name in (("Deployment", "api"), ("StatefulSet", "db"), ("DaemonSet", "agent")):
                cluster.settled(kind, name)


def agree(twins: tuple[Side, Side]) -> None:
    theirs, ours = twins
    assert ours.picture() == theirs.picture()


@pytest.mark.parametrize(("before", "command"), [*(("", command) for command in BOTH_DO), *AFTER])
def test_kubectl_and_we_leave_the_same_objects(
    twins: tuple[Side, Side], kubeconfig: Path, before: str, command: str
) -> None:
    prepare(twins, kubeconfig, before)
    theirs, ours = twins
    assert kubectl(theirs, kubeconfig, command)[0]
    done, why = countersign(ours, command)
    assert done, why
    agree(twins)


@pytest.mark.parametrize(("before", "command"), BOTH_REFUSE)
def test_kubectl_and_we_refuse(twins: tuple[Side, Side], kubeconfig: Path, before: str, command: str) -> None:
    prepare(twins, kubeconfig, before)
    theirs, ours = twins
    untouched = ours.picture()
    assert not kubectl(theirs, kubeconfig, command)[0]
    assert not countersign(ours, command)[0]
    assert ours.picture() == untouched
    agree(twins)


@pytest.mark.parametrize(("before", "command", "reason"), ONLY_KUBECTL_REFUSES)
def test_kubectl_refuses_what_for_us_is_already_so(
    twins: tuple[Side, Side], kubeconfig: Path, before: str, command: str, reason: str
) -> None:
    prepare(twins, kubeconfig, before)
    theirs, ours = twins
    assert not kubectl(theirs, kubeconfig, command)[0], reason
    assert countersign(ours, command) == (True, "already so")
    agree(twins)


@pytest.mark.parametrize(("before", "command", "reason"), ONLY_WE_REFUSE)
def test_we_refuse_what_has_no_bound(
    twins: tuple[Side, Side], kubeconfig: Path, before: str, command: str, reason: str
) -> None:
    prepare(twins, kubeconfig, before)
    untouched = twins[1].picture()
    assert not countersign(twins[1], command)[0], reason
    assert twins[1].picture() == untouched


def test_a_drain_that_is_refused_leaves_the_node_as_it_is(twins: tuple[Side, Side], kubeconfig: Path) -> None:
    """kubectl cordons first and looks at the pods then; we look first, so a refusal has no effect."""
    theirs, ours = twins
    untouched = ours.picture()
    assert not kubectl(theirs, kubeconfig, "kubectl drain NODE")[0]
    assert not countersign(ours, "kubectl drain NODE")[0]
    assert theirs.picture()["Node"]["spec"] == {"unschedulable": True}
    assert ours.picture() == untouched
