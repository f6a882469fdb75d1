"""The main jobs of the pages: by mouse, by keys, and without any script."""

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from countersign.records.approvals import get_approval
from countersign.records.control import kill_switch
from countersign.records.database.engine import transaction
from tests.browser.conftest import Visit
from tests.web.conftest import House
from tests.web.scene import filed

SCALE = "kubectl scale deployment/api --replicas=5 -n prod"
RESTART = "kubectl rollout restart deployment/{} -n prod"


def test_from_what_waits_for_me_to_the_command_that_signs_it(house: House, visit: Visit) -> None:
    approval = filed(house.office, SCALE, expires_at=datetime.now(UTC) + timedelta(hours=1))
    page = visit("alice", permissions=["clipboard-read", "clipboard-write"])
    page.goto("/")
    page.get_by_role("link", name=SCALE).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Scale deployment prod/api")
    expect(page.locator(".outlook")).to_contain_text("Once it is signed, it would run.")
    expect(page.locator(".outlook")).to_contain_text("/spec/replicas")
    page.get_by_role("region", name="Signatures").get_by_role("button", name="Copy").first.click()
    expect(page.locator("#said")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"countersign approvals sign {approval.hex[-8:]} --as alice --key FILE"


def test_the_requester_withdraws_by_keys_alone(house: House, visit: Visit) -> None:
    for name in ("api", "web"):
        last = filed(house.office, RESTART.format(name))
    page = visit("carol")
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page).to_have_url(re.compile("/approvals$"))
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator(f"#row-{last}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Restart deployment prod/web")
    page.get_by_label("Why it is not wanted any more").focus()
    page.keyboard.type("mended by itself? yes")
    page.keyboard.press("Enter")
    expect(page.locator(".standing")).to_contain_text("cancelled")
    with transaction(house.services.engine) as session:
        assert "mended by itself? yes" in (get_approval(session, last).rejection_reason or "")


def test_keys_are_listed_and_lead_to_the_search(house: House, visit: Visit) -> None:
    approval = filed(house.office, SCALE)
    page = visit("victor")
    page.goto("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type(approval.hex[-8:])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Scale deployment prod/api")


def test_whoever_uses_the_keyboard_gets_past_the_frame(house: House, visit: Visit) -> None:
    page = visit("victor")
    page.goto("/approvals")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_without_scripts_everything_is_filed_read_and_done(house: House, visit: Visit) -> None:
    page = visit("carol", java_script_enabled=False)
    page.goto("/approvals")
    page.get_by_role("link", name="File a request").click()
    page.get_by_label("Action, one line").fill(SCALE)
    page.get_by_role("button", name="Show what it means").click()
    expect(page.locator(".read")).to_contain_text("Scale deployment prod/api")
    page.get_by_role("button", name="File it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Scale deployment prod/api")
    approval = page.url.rsplit("/", 1)[-1]
    page.goto("/approvals")
    page.get_by_role("navigation", name="Filters").get_by_role("link", name="pending").click()
    page.get_by_role("link", name="Scale deployment prod/api").click()
    page.get_by_role("link", name="Ask the target now").click()
    expect(page.locator(".pane")).to_contain_text("/spec/replicas")
    page.go_back()
    page.get_by_label("Why it is not wanted any more").fill("over")
    page.get_by_role("button", name="Withdraw this request").click()
    expect(page.locator(".standing")).to_contain_text("cancelled")
    page.get_by_role("link", name="繁體中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-TW")
    assert page.url.endswith(f"/approvals/{approval}")


def test_the_kill_switch_asks_before_it_stops_everything(house: House, visit: Visit) -> None:
    page = visit("eve")
    page.goto("/kill-switch")
    page.get_by_label("Why (stays on record)").fill("wrong region")
    page.get_by_role("button", name="Stop everything").click()
    # The browser keeps the form until the consequence is confirmed.
    with transaction(house.services.engine) as session:
        assert not kill_switch(session).is_on
    page.get_by_label("Yes, stop every action on every target.").check()
    page.get_by_role("button", name="Stop everything").click()
    expect(page.locator(".stopped")).to_contain_text("wrong region")
    with transaction(house.services.engine) as session:
        assert kill_switch(session).is_on


def test_moments_are_told_in_the_zone_of_the_browser(house: House, visit: Visit) -> None:
    approval = filed(house.office, SCALE)
    page = visit("victor", timezone_id="Asia/Taipei")
    page.goto(f"/approvals/{approval}")
    expect(page.locator("html")).to_have_attribute("data-zone", "Asia/Taipei")
    expect(page.locator("time").first).to_have_attribute("title", re.compile(r"CST \(UTC\+08:00\)$"))
