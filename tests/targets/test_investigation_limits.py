"""What a read-only command may not reach, whatever the grammar let through."""

import pytest

from countersign.errors import PolicyRefused
from countersign.targets.kubernetes.connection import ClusterSettings
from countersign.targets.kubernetes.investigation_limits import refuse_outside

ANYWHERE = ClusterSettings("c", default_namespace="shop")
SHOP_ONLY = ClusterSettings("c", default_namespace="shop", allowed_namespaces=("shop", "shop-test"))


@pytest.mark.parametrize(
    "command",
    [
        "get pods",
        "get pods -n shop-test",
        "get pods -nshop",
        "get pods -n=shop",
        "get pods --namespace=shop -o wide",
        "get -oyaml pods",
        "logs api-0 --tail 10 -c app -p",
        "get secrets",
        "get secrets -o wide",
        "explain secret.data",
        "auth can-i get secrets",
        "get pods -l app=secret -o yaml",
        "get pods --all-namespaces=false",
    ],
)
def test_the_allowed_namespaces_may_be_read(command: str) -> None:
    refuse_outside(command.split(), SHOP_ONLY)
    refuse_outside(command.split(), ANYWHERE)


@pytest.mark.parametrize(
    "command",
    [
        "get pods -n other",
        "get pods -nother",
        "get pods -n=other",
        "get pods --namespace other",
        "get pods --namespace=other",
        "get pods -n shop -n other",
        "get pods -A",
        "get pods --all-namespaces",
        "get pods --all-namespaces=true",
        "get pods -Aowide",
        "-n other get pods",
    ],
)
def test_other_namespaces_may_not_when_some_are_named(command: str) -> None:
    refuse_outside(command.split(), ANYWHERE)
    with pytest.raises(PolicyRefused):
        refuse_outside(command.split(), SHOP_ONLY)


@pytest.mark.parametrize(
    "command",
    [
        "get pods --kubeconfig=/root/.kube/config",
        "get pods --server https://elsewhere",
        "get pods -s https://elsewhere",
        "get pods --as=admin",
        "get pods --token x",
        "get --raw /api",
        "get pods -w",
        "get pods -Aw",
        "get -f https://elsewhere/x.yaml",
        "get secret db -o yaml",
        "get secrets -ojson",
        "get pods,secrets -o yaml",
        "get secret/db --output=jsonpath={.data}",
        "get secrets.v1. -oyaml",
        "get secret db -o go-template --template={{.data}}",
    ],
)
def test_elsewhere_and_secrets_may_never_be_read(command: str) -> None:
    for settings in (ANYWHERE, SHOP_ONLY):
        with pytest.raises(PolicyRefused):
            refuse_outside(command.split(), settings)
