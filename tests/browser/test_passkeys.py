"""Passkeys in a real browser, by Chromium's own authenticator: made, put in the policy, signed with, logged in by."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page

from countersign.execution.access import offer_login
from countersign.policy.passkeys import Passkey
from countersign.policy.signers import Signer
from countersign.records.approvals import get_approval, signatures_of
from countersign.records.database.engine import transaction
from countersign.web.app import create_app
from tests.execution.conftest import Office
from tests.planted import plant
from tests.web.conftest import House, with_roles

RESTART = "kubectl rollout restart deployment/api -n prod"


@dataclass
class Installation:
    """The pages at an address that passkeys know, and a policy that can change."""

    house: House
    address: str

    def link(self, name: str) -> str:
        """Return a link that logs `name` in, as `countersign login` prints it."""
        services = self.house.services
        with transaction(services.engine) as session:
            made = offer_login(session, services.seal, subject=name, by="the test")
        return f"{self.address}/login?code={plant(made.secret.get_secret_value())}"

    def enter(self, signer: Signer) -> None:
        """Put a signer in the policy."""
        policy = self.house.services.policy
        changed = policy.model_copy(update={"signers": (*policy.signers, signer)})
        self.house.office.services.__dict__["reread_policy"] = lambda: changed


@contextmanager
def serving(office: Office) -> Iterator[Installation]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://localhost:{listening.getsockname()[1]}"
        office = office.with_policy(with_roles(office.services.policy)).with_settings(url=address)
        services = replace(office.services, mark_of=lambda _policy: None)

        async def opened():
            return services

        app = create_app(opened, services.settings)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Installation(House(app, replace(office, services=services)), address)
        finally:
            server.should_exit = True
            thread.join(60)


@pytest.fixture
def installation(office: Office) -> Iterator[Installation]:
    with serving(office) as found:
        yield found


@pytest.fixture
def person(chromium: Browser) -> Iterator[tuple[BrowserContext, Page]]:
    """Somebody at a browser whose device has an authenticator, and who touches it when asked."""
    context = chromium.new_context()
    page = context.new_page()
    devices = context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    authenticator = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": authenticator})
    yield context, page
    context.close()


def test_a_passkey_is_made_signs_and_logs_in(installation: Installation, person: tuple[BrowserContext, Page]) -> None:
    context, page = person
    house = installation.house
    found = house.client("carol").post("/v1/approvals", json={"action": RESTART}).json()["approval"]

    page.goto(installation.link("bob"))
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{installation.address}/")
    page.goto(f"{installation.address}/passkeys")
    page.get_by_role("button", name="Make a passkey").click()
    command = page.locator("#enter-command").inner_text()
    site, key = re.fullmatch(r"countersign keys enter 'bob' passkey:([^:]+):(\S+)", command).groups()
    assert site == "localhost"
    installation.enter(Signer(name="bob", passkey=Passkey(site=site, key=key)))

    page.goto(f"{installation.address}/approvals/{found['id']}")
    page.get_by_label("Reason").fill("looked at the graphs")
    page.get_by_role("button", name="Sign with passkey").click()
    page.wait_for_url(f"{installation.address}/approvals/{found['id']}")
    page.locator(".signers").get_by_text("looked at the graphs").wait_for()
    with transaction(house.services.engine) as session:
        (signature,) = signatures_of(session, get_approval(session, found["id"]).id)
    assert (signature.signer, signature.algorithm, signature.decision) == ("bob", "webauthn", "approve")
    assert house.client("victor").get(f"/v1/approvals/{found['id']}").json()["status"] == "approved"

    page.locator("form[action='/logout'] button").click()
    page.wait_for_url(re.compile(r"/login\?left=true"))
    assert not [cookie for cookie in context.cookies() if cookie["name"] == "__Host-countersign" and cookie["value"]]
    page.get_by_role("button", name="Log in with a passkey").click()
    page.wait_for_url(f"{installation.address}/")
    assert page.locator(".who").inner_text().strip() == "bob"


def test_a_link_logs_in_once(installation: Installation, person: tuple[BrowserContext, Page]) -> None:
    _context, page = person
    link = installation.link("victor")
    for _ in range(2):
        # Looking at it uses nothing up.
        page.goto(link)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{installation.address}/")
    page.goto(link)
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("used already").wait_for()
