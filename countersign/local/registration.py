"""Tell the Prefect server what there is: the work pool, the blocks, the deployments of prefect.yaml.

Run as a process of its own (`python -m … --pool NAME [--kubeconfig FILE] [--host FILE]`) in the project's
folder, with PREFECT_API_URL set. Repeating it changes nothing that is already right.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from prefect.blocks.core import Block
from prefect.cli import app
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectAlreadyExists
from prefect.workers.base import BaseWorker
from pydantic import SecretStr

from blocks import ChatApprovals, KubernetesCluster, NotificationChannels, SSHHosts
from blocks.ssh_hosts import SSHHost
from countersign.errors import ConfigurationError

POOL_TYPE = "countersign-warm"
DEFAULT = "default"
SANDBOX = "sandbox"
QUEUES = {"executions": 200, "after-execution": 50}
"""How many runs of each queue go on at the same time; reconciliation has the pool's own queue, without a limit.

A protection of the servers, not of the targets: those are held one at a time by the records. Most runs wait, for a
target or until their effect can be verified, and an action must not wait for another one's verification.
"""
PATIENCE_SECONDS = 180.0


async def make_pool(name: str) -> None:
    """Make the work pool and its queues, or set how many runs of each may go on at the same time."""
    async with get_client() as client:
        worker = BaseWorker.get_worker_class_from_type(POOL_TYPE)
        assert worker is not None, "the entry points of the package countersign are not installed"
        template = worker.get_default_base_job_template()
        try:
            await client.create_work_pool(WorkPoolCreate(name=name, type=POOL_TYPE, base_job_template=template))
        except ObjectAlreadyExists:
            await client.update_work_pool(name, WorkPoolUpdate(concurrency_limit=None))
        for queue, limit in QUEUES.items():
            try:
                await client.create_work_queue(queue, concurrency_limit=limit, work_pool_name=name)
            except ObjectAlreadyExists:
                found = await client.read_work_queue_by_name(queue, work_pool_name=name)
                await client.update_work_queue(found.id, concurrency_limit=limit)


async def make_blocks(kubeconfig: Path | None, host: Path | None) -> None:
    """Make the block types known and, where named, save the sandbox cluster and host.

    `host` is the file in which the host says how it is reached. What a person has saved under these names is left
    alone.
    """
    for kind in (ChatApprovals, KubernetesCluster, NotificationChannels, SSHHosts):
        await kind.aregister_type_and_schema()
    if kubeconfig is not None and await _replaceable(KubernetesCluster, "cluster_name"):
        text = await asyncio.to_thread(_appears, kubeconfig, log="cluster.log")
        await KubernetesCluster(cluster_name=SANDBOX, kubeconfig=SecretStr(text)).asave(DEFAULT, overwrite=True)
    if host is not None and await _replaceable(SSHHosts, "fleet_name"):
        said = json.loads(await asyncio.to_thread(_appears, host, log="host.log"))
        await (await asyncio.to_thread(_fleet, said)).asave(DEFAULT, overwrite=True)


async def _replaceable(kind: type[Block], name: str) -> bool:
    """Tell whether there is no block yet, or one whose field `name` says that it is the sandbox's."""
    try:
        found: Block = await kind.aload(DEFAULT)
    except ValueError:
        return True  # there is none
    except RuntimeError:
        return False  # there is one, with fields that cannot be right
    return bool(getattr(found, name) == SANDBOX)


def _fleet(said: Mapping[str, Any]) -> SSHHosts:
    """Return the block for the sandbox host that `said` this of itself."""
    host = SSHHost(
        name=said["name"],
        address=said["address"],
        port=said["port"],
        user=said["user"],
        host_keys=[said["host_key"]],
        environment=SANDBOX,
    )
    return SSHHosts.model_validate(
        {"fleet_name": SANDBOX, "private_key": Path(said["private_key_file"]).read_text(), "hosts": [host]}
    )


def _appears(file: Path, *, log: str) -> str:
    """Return the text of `file`, which the cluster or the host writes once it listens."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        with suppress(FileNotFoundError):
            if text := file.read_text():
                return text
        time.sleep(0.05)
    raise ConfigurationError(f"The sandbox did not write {file}.", hint=f"see logs/{log}")


async def register(pool: str, *, kubeconfig: Path | None, host: Path | None) -> None:
    """Make the work pool and the blocks."""
    await make_pool(pool)
    await make_blocks(kubeconfig, host)


def deploy() -> None:
    """Do what `prefect deploy --all` does in this folder, if it has a prefect.yaml."""
    if not Path("prefect.yaml").exists():
        return
    try:
        sys.argv = ["prefect", "--no-prompt", "deploy", "--all"]
        app()
    except SystemExit as ended:
        # Prefect's command line ends its process in either case; only a code is a failure.
        if ended.code:
            raise


def main() -> None:
    """Register everything."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--pool", required=True)
    options.add_argument("--kubeconfig", type=Path)
    options.add_argument("--host", type=Path)
    chosen = options.parse_args()
    asyncio.run(register(chosen.pool, kubeconfig=chosen.kubeconfig, host=chosen.host))
    deploy()


if __name__ == "__main__":
    main()
