"""The role that is made from the catalogue of operations. What it is worth on a cluster is in test_least_role."""

from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from countersign.actions.catalogue import CATALOGUE
from countersign.actions.operation import Verb
from countersign.cli import app
from countersign.cli.cluster_role import account_named
from countersign.cli.doctor_rights import allowed_operations
from countersign.errors import InvalidInput
from countersign.policy.loading import load_policy
from countersign.targets.kubernetes.rights import OF_VERB, OPERATIONS, Phase, Right, needs_of, operations_named
from countersign.targets.kubernetes.roles import ServiceAccount, manifests

ACCOUNT = ServiceAccount("countersign", "countersign")


def printed(*words: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, ["clusters", "rbac", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return list(yaml.safe_load_all(done.stdout))


def granted(document: dict[str, Any], *, everywhere: bool) -> set[Right]:
    return {
        Right(group, resource, verb, everywhere)
        for rule in document["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_every_operation_of_the_catalogue_declares_its_rights() -> None:
    assert set(OF_VERB) == set(Verb) == {entry.verb for entry in CATALOGUE}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_role_grants_the_declared_rights_and_nothing_else(operation: str) -> None:
    needs = needs_of([operation], secrets=False)
    documents = {one["kind"]: one for one in manifests(needs, account=ACCOUNT, namespaces=["prod"])}
    found = {
        right
        for kind, everywhere in (("ClusterRole", True), ("Role", False))
        if kind in documents
        for right in granted(documents[kind], everywhere=everywhere)
    }
    assert found == {need.right for need in needs}
    assert all(need.phases for need in needs)


def test_without_namespaces_everything_is_one_cluster_role() -> None:
    account, role, binding = printed("--operations", "restart,drain")
    wanted = {(r.group, r.resource, r.verb) for r in (n.right for n in needs_of(["restart", "drain"], secrets=False))}
    assert {(r.group, r.resource, r.verb) for r in granted(role, everywhere=True)} == wanted
    assert (role["kind"], binding["kind"]) == ("ClusterRole", "ClusterRoleBinding")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", **place_of(account)}]


def place_of(account: dict[str, Any]) -> dict[str, str]:
    return {key: account["metadata"][key] for key in ("name", "namespace")}


def test_a_restart_in_two_namespaces_needs_no_cluster_role() -> None:
    documents = printed("--namespace", "prod", "-n", "staging", "-n", "prod", "--operations", "restart")
    assert [(document["kind"], document["metadata"].get("namespace")) for document in documents] == [
        ("ServiceAccount", "countersign"),
        ("Role", "prod"),
        ("RoleBinding", "prod"),
        ("Role", "staging"),
        ("RoleBinding", "staging"),
    ]
    assert documents[1]["rules"] == [
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["events", "pods"], "verbs": ["list"]},
        {
            "apiGroups": ["apps"],
            "resources": ["daemonsets", "deployments", "statefulsets"],
            "verbs": ["get", "list", "watch", "patch"],
        },
        {"apiGroups": ["apps"], "resources": ["replicasets"], "verbs": ["list"]},
    ]


def test_secrets_are_left_out_unless_asked_for() -> None:
    without, with_secrets = (
        {(right.resource, right.verb) for right in granted(printed(*words)[1], everywhere=True)}
        for words in ((), ("--secrets",))
    )
    assert with_secrets - without == {("secrets", verb) for verb in ("get", "list", "watch", "patch")}


def test_nothing_is_granted_by_a_wildcard_and_no_role_can_be_changed() -> None:
    rights = granted(printed("--secrets")[1], everywhere=True)
    assert not any("*" in (right.group, right.resource, right.verb) for right in rights)
    assert not any(right.group == "rbac.authorization.k8s.io" for right in rights)
    assert not any(right.verb in ("impersonate", "escalate", "bind") for right in rights)


def test_a_right_says_which_steps_need_it() -> None:
    (budgets,) = [n for n in needs_of(["delete"], secrets=False) if n.right.resource == "poddisruptionbudgets"]
    assert budgets.phases == (Phase.PREFLIGHT,)
    (patch,) = [n for n in needs_of(["scale"], secrets=False) if n.right == Right("apps", "statefulsets", "patch")]
    assert patch.phases == (Phase.PLAN, Phase.PREFLIGHT, Phase.APPLY, Phase.ROLLBACK)


def test_a_name_that_is_no_operation_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidInput) as caught:
        operations_named(["restrat"])
    assert caught.value.hint == "did you mean restart?"
    assert operations_named(["Set-Image", "restart"]) == ("restart", "set_image")


def test_two_accounts_of_one_name_do_not_share_a_cluster_role() -> None:
    one, other = (printed("--service-account", f"{team}/ops")[1]["metadata"]["name"] for team in ("blue", "green"))
    assert one != other
    with pytest.raises(InvalidInput):
        account_named("a/b/c")


def test_doctor_asks_about_what_the_policy_allows_at_any_risk() -> None:
    text = "allowed_operations: {low: [restart], medium: ['set_*'], high: [], critical: [ssh_docker_prune]}"
    assert allowed_operations(load_policy(text)) == ("restart", "set_image", "set_env", "set_resources")
