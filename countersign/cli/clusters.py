"""`countersign clusters`: the clusters that actions are performed on, and whether they can be used."""

import asyncio
import sys
from typing import Annotated

import typer

from countersign.cli.cluster_role import rbac
from countersign.cli.clusters_saved import SavedCluster, named, saved_clusters
from countersign.cli.console import screen
from countersign.cli.exit_codes import CONFIGURATION
from countersign.cli.opened import open_records
from countersign.cli.options import Yes
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.rendering import print_columns, print_none
from countersign.cli.screen import say
from countersign.errors import ConfigurationError, InvalidInput, Refused
from countersign.records.database.engine import transaction
from countersign.records.on_cluster import requests_on
from countersign.settings import load_settings

commands = typer.Typer(
    name="clusters", help="Kubernetes clusters that actions are performed on.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="The cluster's name here, e.g. production.", metavar="NAME")]


class UnderWay(Refused):
    """An execution on the cluster is under way, so it stays connected."""

    code = "under_way"


@commands.command()
def add(
    name: Name,
    kubeconfig: Annotated[
        str, typer.Option("--kubeconfig", help="The kubeconfig file; - is standard input.", metavar="FILE")
    ],
    context: Annotated[str | None, typer.Option("--context", help="Its context; else the current one.")] = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            help="A file with a service account's token, used in place of the context's user; - is standard input.",
            metavar="FILE",
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="Where an action acts that names none; the context's unless said."),
    ] = None,
    allow_namespace: Annotated[
        list[str] | None, typer.Option("--allow-namespace", help="Refuse actions elsewhere; may be given again.")
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="Mean this one where none is named.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what is saved under this name.")] = False,
) -> None:
    """Connect to the cluster of a kubeconfig; save it in a block if it can be used."""
    from countersign.cli.clusters_adding import Wanted, add_cluster  # noqa: PLC0415 - Prefect takes two seconds

    wanted = Wanted(name, kubeconfig, context, namespace, tuple(allow_namespace or ()), default, replace, token)
    for line in add_cluster(wanted):
        say(line)


@commands.command()
def check(
    name: Annotated[str | None, typer.Argument(help="The cluster's name; all of them unless said.")] = None,
) -> None:
    """Connect to the cluster, or to all, and say what was found. Exit code 3 if one cannot be used."""
    clusters = saved_clusters(load_settings())
    if name is not None:
        say(named(clusters, name).check())
        return
    if not clusters:
        print_none("clusters")
        raise typer.Exit(CONFIGURATION)
    fine = True
    for cluster in clusters:
        try:
            say(f"ok    {cluster.check()}")
        except ConfigurationError as error:
            fine = False
            say(f"FAIL  {error.message}")
            if error.hint:
                say(f"      hint: {error.hint}")
    if not fine:
        raise typer.Exit(CONFIGURATION)


@commands.command("list", cls=Showing)
def list_(output: Output = Format.TEXT) -> None:
    """List the clusters that are connected; connects to none."""
    clusters = saved_clusters(load_settings())
    if output.is_data:
        say_data([cluster.to_json() for cluster in clusters], output)
        return
    if not clusters:
        print_none("clusters")
        return
    heads = ("name", "default", "server", "context", "namespace", "uses", "block")
    print_columns(screen(), [heads, *(cluster.row for cluster in clusters)])
    for cluster in clusters:
        if cluster.problem is not None:
            say(f"{cluster.name} cannot be used: {cluster.problem.message}", err=True)


@commands.command("default")
def default_(name: Name) -> None:
    """Mean this cluster where a request names none."""
    from blocks.clusters import choose_default  # noqa: PLC0415 - Prefect takes two seconds to import

    settings = load_settings()
    cluster = named(saved_clusters(settings), name)
    require_default_free(settings.cluster_block, cluster.block)
    asyncio.run(choose_default(cluster.block))
    say(f"{cluster.name} is the default cluster now.")


@commands.command()
def remove(name: Name, yes: Yes = False) -> None:
    """Forget a cluster and its credentials. Refused while an execution on it is under way."""
    from blocks.clusters import choose_default, chosen_default  # noqa: PLC0415 - Prefect takes two seconds to import
    from blocks.kubernetes_cluster import KubernetesCluster  # noqa: PLC0415
    from blocks.loading import delete_block  # noqa: PLC0415

    cluster = named(saved_clusters(load_settings()), name)
    open_requests = _nothing_under_way(cluster)
    if open_requests:
        say(f"Open requests that were filed for {name}: {open_requests}. None is executed without it.")
    if not yes and not (sys.stdin.isatty() and typer.confirm(f"Forget {name} and its credentials?")):
        raise InvalidInput("not confirmed, nothing was removed", hint="answer y, or pass --yes")
    asyncio.run(delete_block(KubernetesCluster, cluster.block))
    if asyncio.run(chosen_default()) == cluster.block:
        asyncio.run(choose_default(None))
    say(f"{name} is removed.")
    if cluster.is_default:
        say("It was the default cluster: choose another with `countersign clusters default NAME`.")


def _nothing_under_way(cluster: SavedCluster) -> int:
    """Return how many requests for the cluster are open. Raises UnderWay.

    To settle an execution that was interrupted, its cluster has to be asked what happened.
    """
    with transaction(open_records()) as session:
        found = requests_on(session, cluster.name)
    if found.executing:
        raise UnderWay(
            f"executions under way on {cluster.name}: {found.executing}; nothing was removed",
            hint="wait for them; `countersign status` shows them",
        )
    return found.open


def require_default_free(set_block: str | None, block: str) -> None:
    """Raise InvalidInput where the settings name another block for the default cluster than `block`."""
    if set_block is not None and set_block != block:
        raise InvalidInput(
            f"COUNTERSIGN_CLUSTER_BLOCK is set to {set_block!r} and says which cluster is the default one",
            hint=f"set it to {block!r} everywhere, or take it away and choose again",
        )


commands.command("rbac")(rbac)
