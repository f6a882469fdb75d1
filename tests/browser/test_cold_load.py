"""What a browser that was never here loads: few requests, and few bytes as they are sent."""

from contextlib import nullcontext

from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import Visit
from tests.web.conftest import House
from tests.web.scene import filed

MOST_REQUESTS = 6
MOST_BYTES = 160 * 1024


def loaded(page: Page, path: str) -> tuple[list[str], int]:
    """Return what was asked for until the page was whole, its stream too, and the bytes of what has come."""
    asked: list[Request] = []

    def note(request: Request) -> None:
        asked.append(request)

    page.on("request", note)
    # The stream is the last that a page asks for, but for what a target is asked.
    with nullcontext() if path == "/trends" else page.expect_request("**/live/**"):
        page.goto(path)
    if page.locator(".outlook").count():
        expect(page.locator(".outlook .answer")).to_be_visible()
    total = 0
    for each in asked:
        if "/live/" not in each.url:
            sizes = each.sizes()
            total += sizes["responseHeadersSize"] + sizes["responseBodySize"]
    return [each.url for each in asked], total


def test_a_first_visit_takes_few_bytes_and_requests(house: House, visit: Visit) -> None:
    approval = filed(house.office, "kubectl scale deployment/api --replicas=5 -n prod")
    for path in ("/", "/approvals", f"/approvals/{approval}", "/trends"):
        # A window of its own has nothing kept.
        urls, total = loaded(visit("bob"), path)
        assert len(urls) <= MOST_REQUESTS, "\n".join(urls)
        assert total <= MOST_BYTES, path
        assert any("pages.js" in url for url in urls)
