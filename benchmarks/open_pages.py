"""What fifty open pages cost while five approvals change each second, and how soon a browser shows the first words.

One web process as `countersign up` runs it, on records of its own; PostgreSQL's share is not counted. The pages are
read without a browser, as htmx reads them; the first words are Chromium's, of a visit with nothing kept.

    .venv/bin/python -m benchmarks.open_pages [--pages 50] [--changes 5] [--seconds 30]
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import sync_playwright
from pydantic import SecretStr

from countersign.execution.plan_seal import make_seal
from countersign.local.postgres import DURABLE, EmbeddedPostgres
from countersign.policy.signatures import Decision
from countersign.records.database.engine import connect
from countersign.records.database.migrate import upgrade
from sandbox.demo.household import make_household
from tests.faults.pages.house import CLICKS, READERS, PagesHouse, make_house
from tests.faults.pages.reader import Reader
from tests.faults.pages.web_process import WebProcess

MOST_OF_A_CORE = 0.02
MOST_BYTES = 2_000
"""Each second, for each page."""
LATEST_PAINT = 0.5
VISITS = 9
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


@contextmanager
def opened() -> Iterator[tuple[PagesHouse, WebProcess, psutil.Process]]:
    """Start PostgreSQL and a web process, with people who may look."""
    with tempfile.TemporaryDirectory(prefix="countersign-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        trust = folder / "trust"
        make_seal(trust)
        with EmbeddedPostgres(folder / "postgres", options=DURABLE) as server:
            server.create_database("pages")
            engine = connect(SecretStr(server.url("pages")), timeout=10)
            upgrade(engine)
            house = make_house(engine, make_household(), trust, folder)
            web = WebProcess(house.environment(server.url("pages")))
            web.start()
            web.wait()
            try:
                yield house, web, psutil.Process(web.pid)
            finally:
                web.close()
                engine.dispose()


def spent(process: psutil.Process, seconds: float) -> float:
    """Return the share of a core that a process takes over so many seconds."""
    before, began = process.cpu_times(), time.monotonic()
    time.sleep(seconds)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / (time.monotonic() - began)


def changing(house: PagesHouse, process: psutil.Process, *, changes: float, seconds: float) -> float:
    """Have approvals filed and decided, so many changes a second; return the share of a core meanwhile."""
    before, began, made = process.cpu_times(), time.monotonic(), 0
    while time.monotonic() - began < seconds:
        approval = house.filed(f"service-{made}")
        time.sleep(max(0.0, began + (made + 1) / changes - time.monotonic()))
        house.decided(approval, Decision.APPROVE)
        made += 2
        time.sleep(max(0.0, began + made / changes - time.monotonic()))
    after, took = process.cpu_times(), time.monotonic() - began
    print(f"{made} changes in {took:.0f} s")
    return (after.user + after.system - before.user - before.system) / took


def painted(house: PagesHouse, address: str) -> list[float]:
    """Return the seconds until the first words of each visit, every one in a window of its own."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("no chromium on PATH: first words not measured")
        return []
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        found = []
        for _ in range(VISITS):
            page = house.open_page(browser, address, CLICKS)
            page.goto("/approvals")
            while not (at := float(page.evaluate(PAINTED))):
                page.wait_for_timeout(50)
            found.append(at / 1_000)
            page.context.close()
        browser.close()
    return found


def main() -> int:
    """Measure, print, and fail above a limit."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--pages", type=int, default=50)
    options.add_argument("--changes", type=float, default=5, help="a second")
    options.add_argument("--seconds", type=float, default=30)
    chosen = options.parse_args()
    with opened() as (house, web, process):
        for number in range(60):
            house.filed(f"old-{number}")
        idle = spent(process, chosen.seconds / 3)
        first = painted(house, web.address)
        cookies = [house.cookie_of(name) for name in READERS]
        pages = [Reader(web.address, cookies[number % len(cookies)], "/approvals") for number in range(chosen.pages)]
        time.sleep(2)
        quiet = spent(process, chosen.seconds / 3)
        before = sum(page.bytes for page in pages)
        began = time.monotonic()
        busy = changing(house, process, changes=chosen.changes, seconds=chosen.seconds)
        each = (sum(page.bytes for page in pages) - before) / (time.monotonic() - began) / len(pages)
        for page in pages:
            page.close()
    print(
        f"of a core: {idle:.1%} with no page, {quiet:.1%} with {chosen.pages} and no change, {busy:.1%} with changes"
    )
    print(f"sent to each page: {each:,.0f} bytes a second")
    if first:
        print(f"first words: {statistics.median(first):.2f} s (median of {len(first)}), {max(first):.2f} s at most")
    above = busy - idle > MOST_OF_A_CORE or each > MOST_BYTES or (first and statistics.median(first) > LATEST_PAINT)
    print("above a limit" if above else "within the limits")
    return int(bool(above))


if __name__ == "__main__":
    sys.exit(main())
