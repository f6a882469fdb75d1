"""Every page in a real browser: readable by everybody, in every language and light, on every width."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from countersign.policy.roles import Role, RoleGrant
from tests.browser.conftest import Visit
from tests.execution.conftest import Office
from tests.web.conftest import House
from tests.web.records import Furnished, furnished
from tests.web.scene import make_scene

KEPT = os.environ.get("PAGES_KEPT_IN")
"""A folder for pictures of every page, to be looked at."""
Rules = tuple[str, ...]
EVERY: Rules = ()
COLOURS: Rules = ("color-contrast", "link-in-text-block")
SIZES: Rules = ("scrollable-region-focusable", "target-size")
READERS: list[tuple[str, Mapping[str, Any], Rules]] = [
    ("light", {"color_scheme": "light"}, EVERY),
    ("dark-zh", {"color_scheme": "dark", "locale": "zh-TW"}, EVERY),
    ("narrow", {"viewport": {"width": 320, "height": 700}}, SIZES),
    ("contrast", {"contrast": "more", "reduced_motion": "reduce"}, COLOURS),
]
"""What the browser tells of each reader, and the rules of axe that may answer otherwise for it than for the first:
the elements are the same for all.
"""


def addresses(scene: dict[str, object], shelf: Furnished) -> dict[str, str]:
    """Return every page by its name."""
    approvals = {name: f"/approvals/{identifier}" for name, identifier in scene.items()}
    return {
        "now": "/",
        "queue": "/approvals",
        "queue-empty": "/approvals?status=expired",
        "incidents": "/incidents",
        "incident": f"/incidents/{shelf.incident}",
        "playbooks": "/playbooks",
        "playbook": f"/playbooks/{shelf.playbook}",
        "knowledge": "/knowledge?q=restart",
        "case": f"/knowledge/{shelf.entry}",
        "policy": "/policy",
        "policy-version": "/policy/2",
        "policy-try": "/policy/try?against=2",
        "policy-propose": "/policy/propose",
        "audit": "/audit",
        "audit-chain": f"/audit/{shelf.executed}",
        "reconciliation": "/reconciliation",
        "trends": "/trends",
        "trends-month": "/trends?window=30d",
        "system": "/system",
        "file": "/file?action=kubectl%20get%20pods",
        "login": "/login",
        "kill-switch": "/kill-switch",
        # One waits there for a second person.
        "break-glass": f"/break-glass#glass-{shelf.break_glass}",
        **approvals,
    }


def looked_at(page: Page, name: str, rules: Rules) -> list[str]:
    """Return what is wrong with the page that is shown."""
    only = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
    found = Axe().run(page, options=only).response["violations"]
    wrong = [
        f"{name}: {each['id']} ({each['impact']}) {[node['html'][:120] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        wrong.append(f"{name}: {wide} px wider than the window")
    return wrong


@pytest.fixture
def shelf(office: Office, tmp_path: Path) -> Furnished:
    """Records of every kind, and somebody who may do everything about them."""
    return furnished(office, tmp_path, roles=(RoleGrant(roles=tuple(Role), subjects=("alice",)),))


@pytest.fixture
def house(shelf: Furnished) -> House:
    """The application over them."""
    return shelf.house


@pytest.mark.timeout(600)
def test_every_page_for_every_reader(shelf: Furnished, visit: Visit) -> None:
    scene = make_scene(shelf.house.office)
    wrong: list[str] = []
    for reader, options, rules in READERS:
        page = visit("alice", **options)
        for name, path in addresses(scene, shelf).items():
            page.goto(path)
            if page.locator(".outlook").count():
                expect(page.locator(".outlook .answer")).to_be_visible(timeout=15_000)
            wrong += looked_at(page, f"{reader} {name}", rules)
            if KEPT:
                page.screenshot(path=Path(KEPT) / f"{name}-{reader}.png", full_page=True)
    assert wrong == []
