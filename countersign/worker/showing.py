"""The worker's metrics, at a port of its own where one is set. A worker that cannot show them works all the same."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from logging import Logger, LoggerAdapter
from typing import Any

from countersign.errors import ConfigurationError
from countersign.metrics.exposition import MetricsServer, registry_of
from countersign.metrics.family import Process
from countersign.metrics.worker import WORKER_LIMIT, WORKER_RUNS
from countersign.settings import settings


@asynccontextmanager
async def shown(
    logger: "Logger | LoggerAdapter[Any]", say: Callable[[str], object], *, runs: Callable[[], int], limit: int | None
) -> AsyncIterator[None]:
    """Show the metrics meanwhile; `runs` says how many flow runs there are, of at most `limit`."""
    WORKER_RUNS.read(runs)
    WORKER_LIMIT.set(math.inf if limit is None else limit)
    found = settings()
    server: MetricsServer | None = None
    if found.metrics_port is not None:
        try:
            server = MetricsServer(
                registry_of(Process.WORKER),
                host=found.metrics_host,
                port=found.metrics_port,
                token=found.metrics_token,
            )
            say(f"Metrics are shown at {server.address}")
        except ConfigurationError as error:
            logger.warning("%s; %s", error.message, error.hint)
    try:
        yield
    finally:
        if server is not None:
            server.close()
