"""What a stack costs while nothing is to be done: processor time, flow runs, and what Prefect's database grows by.

Beside it a stack without a worker: what Prefect's server costs by itself.

    .venv/bin/python -m benchmarks.idle [--seconds 120] [--json FILE]
"""

import argparse
import json
import time
from pathlib import Path

from sqlalchemy import create_engine, text

from benchmarks.stage import Stage, open_stage

DAY = 86_400
SETTLE_SECONDS = 30.0
"""What starting leaves behind is over by then."""


def measured(stage: Stage, seconds: float) -> dict[str, float]:
    """Return the share of a core by part, and flow runs and bytes of Prefect's database in a day."""
    time.sleep(SETTLE_SECONDS)
    before, runs, size = stage.processor_seconds(), _runs(stage), _size(stage)
    time.sleep(seconds)
    found = {
        f"{name}: share of a core": (spent - before.get(name, spent)) / seconds
        for name, spent in stage.processor_seconds().items()
    }
    found["flow runs a day"] = (_runs(stage) - runs) / seconds * DAY
    found["MB a day in Prefect's database"] = (_size(stage) - size) / seconds * DAY / 1e6
    return found


def _runs(stage: Stage) -> int:
    with stage.prefect() as http:
        return int(http.post("/flow_runs/count", json={}).raise_for_status().json())


def _size(stage: Stage) -> int:
    engine = create_engine(stage.stack.addresses.prefect_database_url.replace("+asyncpg", "+psycopg"))
    try:
        with engine.connect() as connection:
            return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    finally:
        engine.dispose()


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--seconds", type=float, default=120, help="how long it is watched (default 120)")
    options.add_argument("--json", type=Path, default=None, metavar="FILE", help="write every figure there, too")
    chosen = options.parse_args()
    found = {}
    for name, workers in (("one worker", 1), ("no worker", 0)):
        with open_stage(workers=workers, environment={}) as stage:
            found[name] = measured(stage, chosen.seconds)
        print(f"idle, {name}, {chosen.seconds:g} s")
        for what, value in sorted(found[name].items()):
            print(f"  {what:40} {value:10.3f}")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
