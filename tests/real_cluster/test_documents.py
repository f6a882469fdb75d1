"""A cluster is connected from docs/clusters.md alone, with the role that it prints."""

from tests.real_cluster.conftest import Connected


def test_the_role_is_applied_as_it_is_printed(connected: Connected) -> None:
    said = connected.said["role"]
    for made in (
        "serviceaccount/countersign created",
        "clusterrole.rbac.authorization.k8s.io/countersign created",
        "clusterrolebinding.rbac.authorization.k8s.io/countersign created",
    ):
        assert made in said


def test_the_cluster_is_connected_checked_and_found_fit(connected: Connected) -> None:
    said = connected.said["connected"]
    assert "production is connected, and the default cluster." in said
    assert "system:serviceaccount:countersign:countersign may patch Deployments in default" in said
    assert "FAIL" not in said
    assert "ok    rights       production: " in said


def test_nothing_that_is_said_is_a_token(connected: Connected) -> None:
    """A service account's token is a JSON Web Token, and begins as they all do."""
    assert not any("eyJ" in said for said in connected.said.values())
