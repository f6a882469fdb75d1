"""The web process is killed under open pages and under clicks: each page is right again, each click counts once.

`make faults` plays fifty pages, with a kill every twenty seconds.
"""

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Error, Page
from sqlalchemy import Engine

from countersign.policy.signatures import Decision
from countersign.records.approval_list import approval_rows
from countersign.records.approvals import signatures_of
from countersign.records.control import switch_changes
from countersign.records.database.engine import transaction
from countersign.records.timeline import events_of
from sandbox.demo.household import Household
from tests.browser.conftest import chromium
from tests.faults.pages.house import CLICKS, READERS, PagesHouse, make_house
from tests.faults.pages.reader import Reader, rows_of
from tests.faults.pages.web_process import WebProcess
from tests.faults.waiting import until

__all__ = ["chromium"]
LATEST_SECONDS = 0.12
"""After the click, when the process is killed at the latest: a signature takes about half of it."""
LINKS = re.compile(r'href="/approvals/([0-9a-f-]{36})"')
LOOK_SECONDS = 0.2
LISTS = ("/approvals?status=pending", "/approvals")
Click = tuple[str, Callable[[], None], Callable[[], bool]]
"""Where it is made, how, and whether it counts."""


TABS, READERS_OPEN, ROUNDS, PAUSE_SECONDS = 6, 43, 12, 20.0


@pytest.fixture(autouse=True)
def whole(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--whole-matrix"):
        pytest.skip("takes minutes: make faults")


@pytest.fixture
def pages_house(engine: Engine, household: Household, trust_dir: Path, tmp_path: Path) -> PagesHouse:
    return make_house(engine, household, trust_dir, tmp_path)


@pytest.fixture
def web(pages_house: PagesHouse, database_url: str) -> Iterator[WebProcess]:
    process = WebProcess(pages_house.environment(database_url))
    process.start()
    process.wait()
    yield process
    process.close()


@pytest.mark.timeout(1800)
def test_pages_are_right_again_and_clicks_count_once(
    pages_house: PagesHouse,
    web: WebProcess,
    chromium: Browser,
    record_property: Callable[[str, object], None],
) -> None:
    house = pages_house
    before = [house.filed(f"old-{number}") for number in range(ROUNDS)]
    cookies = [house.cookie_of(name) for name in READERS]
    truth = httpx.Client(base_url=web.address, headers={"Cookie": cookies[0], "Accept-Language": "en"}, timeout=60)
    tabs = [house.open_page(chromium, web.address, READERS[number % len(READERS)]) for number in range(TABS)]
    for number, tab in enumerate(tabs):
        tab.goto("/approvals" if number else "/")
    readers = [
        Reader(web.address, cookies[number % len(cookies)], LISTS[number % 2]) for number in range(READERS_OPEN)
    ]
    person = house.open_page(chromium, web.address, CLICKS)
    clicks = [each for number in range(ROUNDS) for each in [_click(house, person, number)]]
    slowest, told_at_once = 0.0, 0
    for number, (where, click, counts) in enumerate(clicks):
        began = time.monotonic()
        person.goto(where)
        killing = web.kill_after(random.uniform(0, LATEST_SECONDS))
        click()
        killing.join()
        # While it is away, things go on.
        house.decided(before[number], Decision.REJECT if number % 2 else Decision.APPROVE)
        house.filed(f"new-{number}")
        back = web.wait()
        until(lambda: _are_right(truth, tabs, readers), "every page is right again", pause=LOOK_SECONDS)
        slowest = max(slowest, time.monotonic() - back)
        told_at_once += counts()
        for _ in range(2):
            # Whoever was told nothing looks again, and clicks where it does not count.
            person.goto(where)
            if not counts():
                click()
                until(counts, "a click counts")
        time.sleep(max(0.0, PAUSE_SECONDS - (time.monotonic() - began)))
    for reader in readers:
        reader.close()
    assert all(counts() for _, _, counts in clicks)
    _are_counted_once(house)
    record_property("kills", ROUNDS)
    record_property("pages", TABS + READERS_OPEN)
    record_property("right_again", slowest)
    record_property("counted_at_once", told_at_once)


def _click(house: PagesHouse, person: Page, number: int) -> Click:
    """Return the click of a round."""
    kind = ("sign", "stop", "reject", "go on")[number % 4]
    said = f"round {number}"
    if kind in ("stop", "go on"):

        def turn() -> None:
            person.get_by_label("Why (stays on record)").fill(said)
            person.get_by_role("checkbox").check()
            _press(person, "Stop everything" if kind == "stop" else "Allow actions again")

        def turned() -> bool:
            with transaction(house.engine) as session:
                return any(each.reason == said for each in switch_changes(session))

        return "/kill-switch", turn, turned
    approval = house.filed(f"clicked-{number}")

    def decide() -> None:
        person.get_by_label("Reason").fill(said)
        _press(person, "Sign with passkey" if kind == "sign" else "Reject with passkey")

    def decided() -> bool:
        with transaction(house.engine) as session:
            return any(each.comment == said for each in signatures_of(session, approval))

    return f"/approvals/{approval}", decide, decided


def _press(person: Page, button: str) -> None:
    """Press a button, and wait until its form is answered: by a page, or by the browser for who is away."""
    person.evaluate("window.pressed = true")
    person.get_by_role("button", name=button, exact=True).click(no_wait_after=True)

    def answered() -> bool:
        try:
            return not person.evaluate("window.pressed === true")
        except Error:  # between two pages
            return False

    until(answered, "the browser shows an answer")


def _are_right(truth: httpx.Client, tabs: list[Page], readers: list[Reader]) -> bool:
    """Tell whether every page shows what it would show if it was loaded now."""
    now = set(LINKS.findall(truth.get("/").text))
    rows = rows_of(truth.get("/approvals").text)
    first, *lists = tabs
    return (
        set(LINKS.findall(first.locator("main").inner_html())) == now
        and all(_shows(rows_of(tab.locator("#queue").inner_html()), rows) for tab in lists)
        and all(tab.locator("#stale").inner_text() == "" for tab in tabs)
        and all(_shows(reader.rows, rows, all_of_them=False) for reader in readers)
    )


def _shows(found: Mapping[str, str], rows: Mapping[str, str], *, all_of_them: bool = True) -> bool:
    """Tell whether a page that has `found` tells the truth: what is pending now is on every list."""
    return all(
        found.get(key, None if all_of_them or "pending" in state else state) == state for key, state in rows.items()
    )


def _are_counted_once(house: PagesHouse) -> None:
    """See that nothing was done twice: no turn of the switch, no signature, and nothing told of one."""
    with transaction(house.engine) as session:
        turns = [each.reason for each in switch_changes(session, limit=100)]
        told = Counter(
            (event.approval_id, event.type, event.actor)
            for row in approval_rows(session, limit=100)
            for event in events_of(session, approval_id=row.approval.id)
            if event.actor == CLICKS
        )
    assert len(turns) == len(set(turns))
    assert told
    assert set(told.values()) == {1}, told
