"""`countersign clusters`: the clusters that actions are performed on, and whether they can be used."""

import asyncio
from typing import Annotated

import typer

from countersign.cli.cluster_role import rbac
from countersign.settings import settings

commands = typer.Typer(
    name="clusters", help="Kubernetes clusters that actions are performed on.", no_args_is_help=True
)


@commands.command()
def check(
    name: Annotated[
        str | None, typer.Argument(help="The KubernetesCluster block; the default one unless said.")
    ] = None,
) -> None:
    """Connect to a cluster and say what was found there."""
    from blocks.kubernetes_cluster import KubernetesCluster  # noqa: PLC0415 - Prefect takes two seconds to import
    from blocks.loading import load_block  # noqa: PLC0415

    block = asyncio.run(load_block(KubernetesCluster, name or settings().cluster_block))
    typer.echo(block.check())


commands.command("rbac")(rbac)
