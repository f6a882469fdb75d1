"""What every page takes on the server with a thousand approvals on record, against a hundred thousand and a million.

The application itself, asked in this process; the databases are those of `benchmarks.growth`. Beside the time stands
what does not depend on how busy the machine is: how many statements a page asks, and how many blocks of the database
these read (EXPLAIN with BUFFERS, of each statement as it was asked).

    .venv/bin/python -m benchmarks.pages [--sizes 1000,100000] [--turns 20]
"""

import argparse
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import Engine, event

from benchmarks.growth import SHARED_BUFFERS, fill
from countersign.audit.heads import make_sealing_key
from countersign.execution.access import Method, begin_session
from countersign.execution.plan_seal import make_seal
from countersign.execution.services import Services
from countersign.local.postgres import DURABLE, EmbeddedPostgres
from countersign.policy.access import Identity
from countersign.policy.document import Policy
from countersign.policy.loading import load_policy
from countersign.policy.roles import Role, RoleGrant
from countersign.records.database.engine import transaction
from countersign.settings import Settings
from countersign.web.acting import COOKIE
from countersign.web.app import create_app
from sandbox.demo.household import make_household

HOST = "countersign.example"
ADDRESS = f"https://{HOST}"
READER = "alice"
LARGEST_RATIO = 1.5
LONGEST_SECONDS = 0.15
FEW_BLOCKS = 1_000
"""Beside so many (8 MB of the cache, well under a millisecond) a ratio of blocks says nothing."""


def addresses(size: int) -> Mapping[str, str]:
    """Return every page of a database with `size` approvals; what is about one is about one in the middle."""
    middle = f"{size // 2:032x}"
    one = f"{middle[:8]}-{middle[8:12]}-{middle[12:16]}-{middle[16:20]}-{middle[20:]}"
    return {
        "now": "/",
        "approvals": "/approvals",
        "approvals: pending": "/approvals?status=pending",
        "approvals: executed": "/approvals?status=executed",
        "approvals: unknown": "/approvals?outcome=unknown",
        "approvals: effective": "/approvals?verdict=effective",
        "approvals: mine": f"/approvals?by={READER}",
        "approvals: old": f"/approvals?before=2026-01-01T00:05:00%2B00:00~{one}",
        "approval": f"/approvals/{one}",
        "incidents": "/incidents",
        "incident": "/incidents/INC-130",
        "playbooks": "/playbooks",
        "knowledge": "/knowledge",
        "knowledge: common": "/knowledge?q=memory",
        "knowledge: rare": "/knowledge?q=zebrafish",
        "policy": "/policy",
        "audit": "/audit",
        "reconciliation": "/reconciliation",
        "trends: day": "/trends?window=24h",
        "trends: month": "/trends?window=30d",
        "system": "/system",
        "kill switch": "/kill-switch",
        "file": "/file?action=kubectl%20get%20pods",
    }


@dataclass(frozen=True)
class House:
    """The application over one database, and who asks."""

    client: TestClient
    engine: Engine
    size: int

    def asked(self, path: str) -> float:
        """Return the seconds until a page's answer is there."""
        began = time.perf_counter()
        answer = self.client.get(path, follow_redirects=False)
        took = time.perf_counter() - began
        if answer.status_code != 200:
            raise SystemExit(f"{path}: {answer.status_code} {answer.text[:2000]}")
        return took

    def read(self, path: str) -> tuple[int, int]:
        """Return how many statements a page asks, and how many blocks they read."""
        with _statements(self.engine) as asked:
            self.asked(path)
        queries = [each for each in asked if each[0].lstrip().upper().startswith(("SELECT", "WITH"))]
        return len(asked), sum(_blocks(self.engine, *each) for each in queries)


@contextmanager
def _statements(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """Note what is asked of the database."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _blocks(engine: Engine, statement: str, parameters: Any) -> int:
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement, parameters)
        found = cursor.fetchone()
        connection.connection.rollback()
    assert found is not None
    plan = found[0] if isinstance(found[0], list) else json.loads(found[0])
    return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])


def opened(engine: Engine, size: int, policy: Policy, settings: Settings) -> House:
    """Return the application over a database, with somebody logged in who may see everything."""
    services = Services(
        settings=settings,
        engine=engine,
        policy=policy,
        reread_policy=lambda: policy,
        mark_of=lambda _policy: None,
        signing_secrets={},
    )

    async def found() -> Services:
        return services

    app = create_app(found, settings)
    with transaction(engine) as session:
        shown = begin_session(session, services.seal, Identity(READER), method=Method.CODE)
    client = TestClient(app, base_url=ADDRESS)
    client.cookies.set(COOKIE, shown.secret.get_secret_value(), domain=HOST)
    return House(client, engine, size)


def main() -> int:
    """Measure, print the pages, and fail where one is above a limit."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--sizes", default="1000,100000", help="approvals on record, the smallest first")
    options.add_argument("--turns", type=int, default=20, help="times that each page is asked for")
    chosen = options.parse_args()
    sizes = [int(size) for size in chosen.sizes.split(",")]
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="countersign-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        trust = folder / "trust"
        make_seal(trust)
        make_sealing_key(trust)
        settings = Settings(_env_file=None, trust_dir=trust, web_requests_per_minute=1_000_000, url=ADDRESS)
        everything = RoleGrant(roles=tuple(Role), subjects=(READER,))
        policy = load_policy(make_household().policy).model_copy(update={"roles": (everything,)})
        limits = {**DURABLE, "fsync": "off", "shared_buffers": SHARED_BUFFERS, "max_wal_size": "4GB"}
        with EmbeddedPostgres(folder / "postgres", options=limits) as server:
            houses = [opened(fill(server, size, 0)[0], size, policy, settings) for size in sizes]
            found = measured(houses, chosen.turns)
            blocks = {label: [house.read(addresses(house.size)[label]) for house in houses] for label in found}
            for house in houses:
                house.engine.dispose()
    return shown(sizes, found, blocks)


def measured(houses: Sequence[House], turns: int) -> Mapping[str, Sequence[Sequence[float]]]:
    """Return for each page the seconds in each house, asked turn by turn."""
    found = {}
    for label in addresses(houses[0].size):
        times: list[list[float]] = [[] for _ in houses]
        for turn in range(turns + 2):
            for house, taken in zip(houses, times, strict=True):
                took = house.asked(addresses(house.size)[label])
                if turn > 1:  # the first ones pay for what the later ones find
                    taken.append(took)
        found[label] = times
    return found


def late(seconds: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1]


def shown(
    sizes: Sequence[int],
    found: Mapping[str, Sequence[Sequence[float]]],
    blocks: Mapping[str, Sequence[tuple[int, int]]],
) -> int:
    """Print the pages; return 1 where one takes too long, or much longer than with few approvals."""
    print(f"\n{'':24}" + "".join(f"{size:>12,} p95" for size in sizes) + "  ratio p50   statements, blocks of each")
    above = []
    for label, times in found.items():
        ratio = statistics.median(times[-1]) / statistics.median(times[0])
        asked = ", ".join(f"{statements} {read:,}" for statements, read in blocks[label])
        print(
            f"{label:24}" + "".join(f"{late(taken) * 1e3:13.1f} ms" for taken in times) + f"{ratio:11.2f}   {asked}"
        )
        grown = blocks[label][-1][1] > max(FEW_BLOCKS, LARGEST_RATIO * blocks[label][0][1])
        above += [label] if ratio > LARGEST_RATIO or late(times[-1]) > LONGEST_SECONDS or grown else []
    print(f"above {LARGEST_RATIO} times, or {LONGEST_SECONDS * 1e3:.0f} ms: {', '.join(above) or 'none'}")
    return int(bool(above))


if __name__ == "__main__":
    # Prefect, which no page waits for, is away.
    os.environ.setdefault("PREFECT_API_URL", "http://127.0.0.1:9/api")
    sys.exit(main())
