"""Whether anybody takes a deployment's runs: its pool, its queue and the workers, as Prefect's server knows them."""

import asyncio
from dataclasses import dataclass

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import WorkerStatus
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from countersign.errors import ConfigurationError

SECONDS = 10.0


@dataclass(frozen=True)
class Takers:
    """Who takes the runs. Prefect counts a worker as online for three of its heartbeats (of 30 s) after the last."""

    pool: str
    queue: str
    pool_is_paused: bool
    queue_is_paused: bool
    online: tuple[str, ...]
    """Names of the workers."""

    @property
    def obstacle(self) -> ConfigurationError | None:
        """What keeps every run from being started, None where somebody takes them."""
        if self.pool_is_paused:
            return ConfigurationError(
                f"the work pool {self.pool} is paused, so no run starts",
                hint=f"`prefect work-pool resume {self.pool}`, or the switch on its page in Prefect's UI",
            )
        if self.queue_is_paused:
            return ConfigurationError(
                f"the queue {self.queue} of the work pool {self.pool} is paused, so no run starts",
                hint=f"`prefect work-queue resume {self.queue} --pool {self.pool}`, or its switch in Prefect's UI",
            )
        if not self.online:
            return ConfigurationError(
                f"no worker of the pool {self.pool} is online, so no run starts",
                hint=f"`prefect worker start --type countersign-warm --pool {self.pool}`, or `countersign up`",
            )
        return None

    @property
    def summary(self) -> str:
        """One sentence: who takes the runs."""
        names = ", ".join(self.online)
        return f"online in the pool {self.pool}: {names}"


async def takers_of(deployment: str) -> Takers:
    """Return who takes the runs of `deployment` ("flow/name").

    Raises ConfigurationError: Prefect cannot be asked, there is no such deployment, it has no pool.
    """
    if PREFECT_API_URL.value() is None:
        # Prefect would start a server of its own for the question.
        raise ConfigurationError("PREFECT_API_URL is not set", hint="`countersign up` starts a Prefect server here")
    try:
        # Prefect's client asks again and again for a minute; who looks at 3 a.m. does not wait for that.
        async with asyncio.timeout(SECONDS), get_client() as client:
            return await _takers(client, deployment)
    except ObjectNotFound:
        raise ConfigurationError(
            f"the deployment {deployment}, or its work pool, does not exist",
            hint="`prefect deploy --all` in the project's folder makes it",
        ) from None
    except (httpx.HTTPError, TimeoutError) as error:
        raise ConfigurationError(
            f"Prefect's API does not answer ({type(error).__name__})",
            hint="check PREFECT_API_URL, or start everything here with `countersign up`",
        ) from None


async def _takers(client: PrefectClient, deployment: str) -> Takers:
    found = await client.read_deployment_by_name(deployment)
    if found.work_pool_name is None or found.work_queue_name is None:
        raise ConfigurationError(
            f"the deployment {deployment} has no work pool, so no run starts",
            hint="`prefect deploy --all` in the project's folder gives it one",
        )
    pool = await client.read_work_pool(found.work_pool_name)
    queue = await client.read_work_queue_by_name(found.work_queue_name, work_pool_name=pool.name)
    workers = await client.read_workers_for_work_pool(pool.name)
    return Takers(
        pool=pool.name,
        queue=queue.name,
        pool_is_paused=pool.is_paused,
        queue_is_paused=queue.is_paused,
        online=tuple(sorted(one.name for one in workers if one.status is WorkerStatus.ONLINE)),
    )
