"""`python -m countersign.worker`: the warm worker without Prefect's command line, which takes a second to load.

The same as `prefect worker start --type countersign-warm` with the options below.
"""

import argparse
import asyncio
from functools import partial

from countersign.worker.warm import WarmWorker


def main() -> None:
    """Serve a work pool until SIGTERM."""
    options = argparse.ArgumentParser(prog="python -m countersign.worker", description=main.__doc__)
    options.add_argument("--pool", default="countersign", help="work pool to serve (default: countersign)")
    options.add_argument("--name", help="name of this worker; keep it over restarts")
    options.add_argument("--limit", type=int, default=None, help="runs at the same time (default: no limit)")
    chosen = options.parse_args()
    worker = WarmWorker(work_pool_name=chosen.pool, name=chosen.name, limit=chosen.limit)
    asyncio.run(worker.start(printer=partial(print, flush=True)))


if __name__ == "__main__":
    main()
