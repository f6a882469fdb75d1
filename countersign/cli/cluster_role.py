"""`countersign clusters rbac`: the least role for the operations that Countersign is to perform on a cluster."""

from typing import Annotated

import typer
import yaml

from countersign.cli.screen import say
from countersign.errors import InvalidInput
from countersign.targets.kubernetes.rights import OPERATIONS, needs_of, operations_named
from countersign.targets.kubernetes.roles import ServiceAccount, manifests

DEFAULT_ACCOUNT = "countersign"


def rbac(
    namespaces: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace", "-n", help="Only here: a Role in each, and a ClusterRole for nodes alone. May be repeated."
        ),
    ] = None,
    operations: Annotated[
        list[str] | None,
        typer.Option("--operations", help=f"Names with commas between them, of {', '.join(OPERATIONS)}. Else all."),
    ] = None,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="Let it label, annotate and list Secrets, so read their contents too.")
    ] = False,
    service_account: Annotated[
        str, typer.Option("--service-account", help="NAME, or NAMESPACE/NAME. It is created, its namespace is not.")
    ] = DEFAULT_ACCOUNT,
) -> None:
    """Print the least role for exactly these operations, bound to a service account, as YAML for kubectl apply."""
    wanted = operations_named(name for text in operations or () for name in text.split(",") if name.strip())
    say(
        role_yaml(
            wanted or OPERATIONS,
            account=account_named(service_account),
            namespaces=tuple(dict.fromkeys(namespaces or ())),
            secrets=secrets,
        ),
        nl=False,
    )


def role_yaml(
    operations: tuple[str, ...], *, account: ServiceAccount, namespaces: tuple[str, ...] = (), secrets: bool = False
) -> str:
    """Return the manifests as YAML, with a first line that says how to make them again."""
    documents = manifests(needs_of(operations, secrets=secrets), account=account, namespaces=namespaces)
    words = ["countersign clusters rbac"]
    words += [f"--namespace {namespace}" for namespace in namespaces]
    words += [] if operations == OPERATIONS else [f"--operations {','.join(operations)}"]
    words += ["--secrets"] if secrets else []
    plain = (account.name, account.namespace) == (DEFAULT_ACCOUNT, DEFAULT_ACCOUNT)
    words += [] if plain else [f"--service-account {account.namespace}/{account.name}"]
    return f"# Made by: {' '.join(words)}\n" + yaml.safe_dump_all(documents, sort_keys=False, width=118)


def account_named(text: str) -> ServiceAccount:
    """Return the service account that NAME or NAMESPACE/NAME means. Raises InvalidInput."""
    namespace, slash, name = text.partition("/")
    account = ServiceAccount(name, namespace) if slash else ServiceAccount(text, DEFAULT_ACCOUNT)
    if not account.name or not account.namespace or "/" in account.name:
        raise InvalidInput(f"{text!r} names no service account", hint="NAME or NAMESPACE/NAME")
    return account
