"""A cluster that tells of changes, and one that does not."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from countersign.actions.operation import NoParameters, ScaleParameters, Verb
from countersign.targets.kubernetes.connection import connect
from countersign.targets.kubernetes.kinds import list_path
from countersign.targets.kubernetes.watching import Watch, WatchedObjects
from countersign.targets.model import Plan
from tests.targets.cluster import Cluster


@contextmanager
def looking(cluster: Cluster, plan: Plan) -> Iterator[WatchedObjects]:
    """Look at the plan's objects without a proxy between."""
    with (
        connect(cluster.settings(kubeconfig=cluster.direct), request_timeout=10) as connection,
        WatchedObjects(connection, plan) as found,
    ):
        yield found


def restart(cluster: Cluster) -> Plan:
    cluster.workload()
    return cluster.plan(cluster.operation(Verb.RESTART, "Deployment", "api", parameters=NoParameters()))


@pytest.mark.contract
def test_what_is_there_is_told_and_that_a_change_of_the_spec_is_news(cluster: Cluster) -> None:
    plan = restart(cluster)
    with looking(cluster, plan) as watched:
        (facts,) = watched.look().objects.values()
        assert (facts["exists"], watched.is_told, watched.news()) == (True, True, False)
        cluster.change("Deployment", "api", {"spec": {"replicas": 1}})
        cluster.until(watched.news)
        (later,) = watched.look().objects.values()
        assert later["generation"] == facts["generation"] + 1


@pytest.mark.contract
def test_what_changes_no_verdict_is_no_news(cluster: Cluster) -> None:
    plan = restart(cluster)
    with looking(cluster, plan) as watched:
        watched.look()
        watch = next(iter(watched._watches.values()))[1]
        seen = watch.count
        cluster.change("Deployment", "api", {"metadata": {"labels": {"note": "x"}}})
        cluster.until(lambda: watch.count > seen)
        assert not watched.news()


@pytest.mark.contract
def test_a_version_that_is_forgotten_begins_the_watch_anew(cluster: Cluster) -> None:
    cluster.workload()
    path = list_path(cluster.connection, "Deployment", cluster.namespace)
    with (
        connect(cluster.settings(kubeconfig=cluster.direct), request_timeout=10) as connection,
        Watch(connection, path, {}, since="1") as watch,
    ):
        cluster.until(lambda: watch.live or watch.failed)
        assert not watch.failed
        assert [each["metadata"]["name"] for each in watch.live.values()] == ["api"]


@pytest.mark.contract
def test_a_watch_ends_with_its_use(cluster: Cluster) -> None:
    plan = restart(cluster)
    with looking(cluster, plan) as watched:
        watched.look()
        watch = next(iter(watched._watches.values()))[1]
    watch._thread.join(60)
    assert not watch._thread.is_alive()


@pytest.mark.contract
def test_an_action_that_is_read_within_a_moment_is_read_once(cluster: Cluster) -> None:
    cluster.workload(replicas=1)
    operation = cluster.operation(Verb.SCALE, "Deployment", "api", parameters=ScaleParameters(2))
    with cluster.connection.moment():
        plan = cluster.plan(operation)
        (before,) = cluster.target.observe(plan).objects.values()
        cluster.change("Deployment", "api", {"spec": {"replicas": 3}})
        (facts,) = cluster.target.observe(plan).objects.values()
        assert facts["resourceVersion"] == before["resourceVersion"]
    (facts,) = cluster.target.observe(plan).objects.values()
    assert facts["spec"]["replicas"] == 3
