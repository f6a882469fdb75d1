"""The web process on loopback, and a real browser that looks at it: Debian's Chromium."""

import os
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from countersign.web.acting import COOKIE
from tests.browser.line import Line
from tests.execution.conftest import Office
from tests.execution.conftest import office as plain_office
from tests.web.conftest import House, cluster, house, household, running_cluster

__all__ = ["cluster", "house", "household", "plain_office", "running_cluster"]
CHROMIUM = shutil.which("chromium")
OF_A_CUT = re.compile(r"/live/|htmx:(sse:)?error|net::ERR_")
Visit = Callable[..., Page]
expect.set_options(timeout=60_000)  # milliseconds; patience costs nothing where it comes at once


@pytest.fixture
def office(plain_office: Office) -> Office:
    """An office whose verifications look once, without warming up."""
    return plain_office.with_settings(
        verify_warm_up_seconds=0,
        verify_collect_seconds=0,
        verify_limit_seconds=30,
        step_retry_seconds=0.01,
        web_requests_per_minute=100_000,
    )


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for the tests of a file: its event loop runs in this thread, and other tests want their own."""
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH (apt install chromium)")
    # Chromium has no sandbox of its own for root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def port(house: House) -> Iterator[int]:
    """Where the pages are served on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(house.app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(60)
    assert not thread.is_alive()


@pytest.fixture
def line(port: int) -> Iterator[Line]:
    """How browsers get there."""
    between = Line(port)
    yield between
    between.close()


@pytest.fixture
def address(line: Line) -> str:
    """The address of the pages."""
    return f"http://127.0.0.1:{line.port}"


@pytest.fixture
def visit(chromium: Browser, house: House, address: str) -> Iterator[Visit]:
    """Opens the pages for somebody who is logged in. What the browser complains about fails the test, but what a
    stream that is cut makes it say where that is part of it (`cut`)."""
    complaints: list[str] = []
    contexts = []

    def heard(message: ConsoleMessage, *, cut: bool) -> None:
        said = f"{message.location.get('url')}: {message.text}"
        if message.type in ("error", "warning") and not (cut and OF_A_CUT.search(said)):
            complaints.append(said)

    def open_for(who: str, *, cut: bool = False, **options: Any) -> Page:
        options = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US", **options}
        context = chromium.new_context(base_url=address, **options)
        contexts.append(context)
        secret = house.browser(who).client.cookies[COOKIE]
        # A cookie for encrypted connections is also sent to the machine itself.
        context.add_cookies(
            [{"name": COOKIE, "value": secret, "url": address.replace("http:", "https:"), "secure": True}]
        )
        page = context.new_page()
        page.on("console", lambda message: heard(message, cut=cut))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_for
    for context in contexts:
        context.close()
    assert complaints == []
