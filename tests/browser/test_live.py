"""Open pages stay true: what happens elsewhere is seen without a reload, and what the reader was doing is kept."""

import re
import time

import httpx
from playwright.sync_api import Route, expect

from countersign.policy.signatures import Decision
from countersign.records.access import end_sessions_of
from countersign.records.database.engine import transaction
from countersign.web.acting import COOKIE
from tests.browser.conftest import Visit
from tests.browser.line import Line
from tests.web.conftest import House
from tests.web.scene import filed, signed

SCALE = "kubectl scale deployment/api --replicas=5 -n prod"
RESTART = "kubectl rollout restart deployment/{} -n prod"


def test_a_row_changes_and_a_new_one_comes_first(house: House, visit: Visit) -> None:
    first = filed(house.office, SCALE)
    page = visit("victor")
    page.goto("/approvals")
    row = page.locator(f"#row-{first}")
    expect(row).to_contain_text("pending")
    page.keyboard.press("j")
    expect(row).to_be_focused()
    signed(house.office, first, "alice")
    expect(row).to_contain_text("approved")
    expect(row).to_be_focused()
    second = filed(house.office, RESTART.format("web"))
    expect(page.locator("#queue > .row").first).to_have_id(f"row-{second}")
    expect(page.locator("#queue > .row")).to_have_count(2)


def test_a_filtered_list_takes_in_what_fits_and_shows_what_became_of_the_rest(house: House, visit: Visit) -> None:
    first = filed(house.office, SCALE)
    page = visit("victor")
    page.goto("/approvals?status=pending")
    second = filed(house.office, RESTART.format("web"))
    expect(page.locator(f"#row-{second}")).to_be_visible()
    third = house.office.approved(RESTART.format("worker"))
    signed(house.office, first, "alice")
    expect(page.locator(f"#row-{first}")).to_contain_text("approved")
    expect(page.locator(f"#row-{third}")).to_have_count(0)


def test_an_approval_is_followed_to_its_end(house: House, visit: Visit) -> None:
    approval = filed(house.office, RESTART.format("api"))
    page = visit("carol")
    page.goto(f"/approvals/{approval}")
    expect(page.locator(".outlook .answer")).to_be_visible()
    page.get_by_text("All fields that a signature binds").click()
    page.get_by_label("Why it is not wanted any more").fill("half a sentence")
    signed(house.office, approval, "alice", comment="Go ahead.")
    expect(page.locator(".signers")).to_contain_text("Go ahead.")
    expect(page.locator("#said")).to_have_text("approved")
    # What was being read and written is still there.
    expect(page.locator("details[open]", has_text="All fields that a signature binds")).to_be_visible()
    expect(page.get_by_label("Why it is not wanted any more")).to_have_value("half a sentence")
    expect(page.get_by_label("Why it is not wanted any more")).to_be_focused()
    expect(page.locator(".outlook .answer")).to_contain_text("It would run now.")
    assert house.office.run(approval).success
    expect(page.locator(".standing")).to_contain_text("Succeeded")
    expect(page.locator("#said")).to_contain_text("Succeeded")


def test_what_needs_a_person_comes_and_goes(house: House, visit: Visit) -> None:
    page = visit("alice")
    page.goto("/")
    expect(page.locator("#now")).to_contain_text("Nothing needs a person now.")
    approval = filed(house.office, SCALE)
    expect(page.locator("#now")).to_contain_text("Waiting for your signature")
    signed(house.office, approval, "alice", decision=Decision.REJECT)
    expect(page.locator("#now")).to_contain_text("Nothing needs a person now.")


def test_a_page_is_live_however_far_apart_its_scripts_come(house: House, visit: Visit) -> None:
    page = visit("alice")

    def slow(route: Route) -> None:
        time.sleep(0.3)
        route.continue_()

    # One after the other is let go, so the last comes long after the first.
    page.route("**/*.js", slow)
    page.goto("/")
    expect(page.locator("#now")).to_contain_text("Nothing needs a person now.")
    filed(house.office, SCALE)
    expect(page.locator("#now")).to_contain_text("Waiting for your signature")


def test_whoever_connects_again_is_sent_what_happened_meanwhile(house: House, address: str) -> None:
    approval = filed(house.office, SCALE)
    cookies = {COOKIE: house.browser("victor").client.cookies[COOKIE]}
    with httpx.Client(base_url=address, headers={"Cookie": f"{COOKIE}={cookies[COOKIE]}"}, timeout=10) as client:
        found = re.search(r'hx-sse:connect="([^"]+)"', client.get("/approvals").text)
        assert found is not None
        stream = found[1].replace("&amp;", "&")
        signed(house.office, approval, "alice")
        # The browser asks for the same address again, with the state that its page was made with.
        with client.stream("GET", stream) as answer:
            assert answer.headers["content-encoding"] == "gzip"
            said = ""
            for line in answer.iter_lines():
                said += line
                if "</li>" in line:
                    break
    assert f"row-{approval}" in said
    assert "approved" in said


def test_a_page_whose_first_connection_fails_is_live_later_and_says_so_until_then(house: House, visit: Visit) -> None:
    page = visit("alice", cut=True)
    away, tried = True, 0

    def door(route: Route) -> None:
        nonlocal tried
        tried += 1
        if not away:
            route.continue_()
        elif tried % 2:
            route.abort("connectionrefused")
        else:
            route.fulfill(status=503, content_type="text/html", body="<p>restarting</p>")

    page.route("**/live/**", door)
    page.goto("/")
    expect(page.locator("#stale")).to_have_text(re.compile(r"^Not live since \d\d:\d\d:\d\d: trying again\.$"))
    # An answer that is no stream is put nowhere.
    expect(page.locator("#now")).to_contain_text("Nothing needs a person now.")
    filed(house.office, SCALE)
    while tried < 3:  # once of each kind, and again
        page.wait_for_timeout(100)
    away = False
    expect(page.locator("#now")).to_contain_text("Waiting for your signature")
    expect(page.locator("#stale")).to_have_text("")


def test_whoever_is_logged_out_meanwhile_is_told_to_reload(house: House, visit: Visit) -> None:
    page = visit("alice", cut=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/live/" in request.url else None)
    page.goto("/")
    expect(page.locator("#now")).to_contain_text("Nothing needs a person now.")
    with transaction(house.services.engine) as session:
        end_sessions_of(session, "alice")
    approval = filed(house.office, SCALE)  # the stream looks, and ends
    expect(page.locator("#stale")).to_have_text(re.compile("reload the page"))
    assert page.locator(f"a[href$='{approval}']").count() == 0
    once = len(asked)
    page.wait_for_timeout(1_500)  # what nobody asks for can only be waited for
    assert len(asked) == once
    page.reload()
    expect(page).to_have_url(re.compile("/login"))


def test_pages_that_were_away_show_what_happened_meanwhile(house: House, line: Line, visit: Visit) -> None:
    first, second = filed(house.office, SCALE), filed(house.office, RESTART.format("web"))
    waiting, needed = visit("victor", cut=True), visit("alice", cut=True)
    waiting.goto("/approvals?status=pending")
    needed.goto("/")
    signed(house.office, second, "alice")
    expect(waiting.locator(f"#row-{second}")).to_contain_text("approved")
    third = filed(house.office, RESTART.format("worker"))
    expect(needed.locator("#now")).to_contain_text("deployment/worker")
    line.cut()
    for page in (waiting, needed):
        expect(page.locator("#stale")).to_contain_text("Not live since")
    signed(house.office, first, "alice")
    # What needs a person is again as it was when that page was loaded.
    signed(house.office, third, "alice", decision=Decision.REJECT)
    line.mend()
    # It has left the list, which shows what became of it; what was there and is as it was stays as it is.
    expect(waiting.locator(f"#row-{first}")).to_contain_text("approved")
    expect(needed.locator("#now")).not_to_contain_text("deployment/worker")
    for page in (waiting, needed):
        expect(page.locator("#stale")).to_have_text("")
