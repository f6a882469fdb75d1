"""Every page in a real browser: readable by everybody, in every language and light, on every width."""

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.web.conftest import House
from tests.web.scene import make_scene

KEPT = os.environ.get("PAGES_KEPT_IN")
"""A folder for pictures of every page, to be looked at."""
READERS = [
    ("light", {"color_scheme": "light"}),
    ("dark-zh", {"color_scheme": "dark", "locale": "zh-TW"}),
    ("narrow", {"viewport": {"width": 320, "height": 700}}),
    ("narrow-dark-zh", {"viewport": {"width": 320, "height": 700}, "color_scheme": "dark", "locale": "zh-TW"}),
    ("contrast", {"contrast": "more", "reduced_motion": "reduce"}),
]


def addresses(scene: dict[str, object]) -> dict[str, str]:
    """Return every page by its name."""
    approvals = {name: f"/approvals/{identifier}" for name, identifier in scene.items()}
    return {
        "now": "/",
        "queue": "/approvals",
        "queue-empty": "/approvals?status=expired",
        "kill-switch": "/kill-switch",
        **approvals,
    }


def looked_at(page: Page, name: str) -> list[str]:
    """Return what is wrong with the page that is shown."""
    found = Axe().run(page).response["violations"]
    wrong = [
        f"{name}: {each['id']} ({each['impact']}) {[node['html'][:120] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        wrong.append(f"{name}: {wide} px wider than the window")
    return wrong


@pytest.mark.timeout(600)
def test_every_page_for_every_reader(house: House, visit: Visit) -> None:
    scene = make_scene(house.office)
    wrong: list[str] = []
    for reader, options in READERS:
        page = visit("alice", **options)
        for name, path in addresses(scene).items():
            page.goto(path)
            if page.locator(".outlook").count():
                expect(page.locator(".outlook .answer")).to_be_visible(timeout=15_000)
            wrong += looked_at(page, f"{reader} {name}")
            if KEPT:
                page.screenshot(path=Path(KEPT) / f"{name}-{reader}.png", full_page=True)
    assert wrong == []
