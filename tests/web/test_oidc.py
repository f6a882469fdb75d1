"""Logging in by OpenID Connect, at a provider that runs on this machine and that nobody here wrote."""

import time
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from oidc_provider_mock import User, run_server_in_thread
from pydantic import SecretStr

from countersign.errors import ConfigurationError, Unauthenticated
from countersign.execution.plan_seal import Seal
from countersign.settings import Settings, settings
from countersign.web import oidc
from countersign.web.oidc import Client, begin, client_of, finish

SEAL = Seal(b"a key of the test's own")
ANN = User(sub="ann-1", claims={"email": "ann@example.com", "email_verified": True, "groups": ["sre", "oncall"]})
UNVERIFIED = User(sub="eve-1", claims={"email": "ann@example.com", "email_verified": False})
HIDDEN = User(sub="eve-2", claims={"email": "ann\u200b@example.com", "email_verified": True})


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with run_server_in_thread(user_claims=(ANN, UNVERIFIED, HIDDEN)) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def client(provider: str) -> Client:
    oidc._discovered.cache_clear()
    return Client(provider, "countersign", "the client's secret", "https://countersign.example", "email", "groups")


def agreed(address: str, sub: str) -> dict[str, str]:
    """Log in at the provider as a person does, and return what it sends the browser back with."""
    answer = httpx.post(address, data={"sub": sub}, follow_redirects=False)
    assert answer.status_code == 302, answer.text
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}


def test_whoever_logs_in_there_is_known_here_with_their_groups(client: Client) -> None:
    begun = begin(client, SEAL, back="/approvals")
    back = agreed(begun.address, "ann-1")
    who, page = finish(client, SEAL, cookie=begun.cookie, state=back["state"], code=back["code"])
    assert (who.name, who.groups, page) == ("ann@example.com", {"sre", "oncall"}, "/approvals")


def test_a_code_counts_once(client: Client) -> None:
    begun = begin(client, SEAL)
    back = agreed(begun.address, "ann-1")
    finish(client, SEAL, cookie=begun.cookie, **{name: back[name] for name in ("state", "code")})
    with pytest.raises(Unauthenticated, match="does not accept"):
        finish(client, SEAL, cookie=begun.cookie, **{name: back[name] for name in ("state", "code")})


def test_a_login_that_another_browser_began_is_not_finished_here(client: Client) -> None:
    mine, theirs = begin(client, SEAL), begin(client, SEAL)
    back = agreed(theirs.address, "ann-1")
    other = "0" if theirs.cookie[-1] != "0" else "1"
    for cookie in (mine.cookie, None, "", "x.y", theirs.cookie[:-1] + other, f"é.{theirs.cookie}"):
        with pytest.raises(Unauthenticated, match=r"not finished by whoever began it|another login"):
            finish(client, SEAL, cookie=cookie, state=back["state"], code=back["code"])


def test_a_code_of_another_login_is_not_taken_for_mine(client: Client) -> None:
    """The verifier and the nonce are of the login that this browser began."""
    mine, theirs = begin(client, SEAL), begin(client, SEAL)
    back = agreed(theirs.address, "ann-1")
    state = agreed(mine.address, "ann-1")["state"]
    with pytest.raises(Unauthenticated):
        finish(client, SEAL, cookie=mine.cookie, state=state, code=back["code"])


@pytest.mark.parametrize(
    ("sub", "why"), [("eve-1", "has not verified"), ("eve-2", "cannot be used"), ("eve-3", "verified")]
)
def test_an_address_that_is_not_ones_own_is_no_name(client: Client, sub: str, why: str) -> None:
    begun = begin(client, SEAL)
    back = agreed(begun.address, sub)
    with pytest.raises(Unauthenticated, match=why):
        finish(client, SEAL, cookie=begun.cookie, state=back["state"], code=back["code"])


def test_a_token_for_another_client_is_not_believed(client: Client) -> None:
    begun = begin(client, SEAL)
    back = agreed(begun.address, "ann-1")
    other = replace(client, client_id="somebody else")
    with pytest.raises(Unauthenticated):
        finish(other, SEAL, cookie=begun.cookie, state=back["state"], code=back["code"])


def test_an_old_login_is_begun_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = begin(client, SEAL)
    back = agreed(begun.address, "ann-1")
    later = time.time() + 601
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(Unauthenticated, match="took too long"):
        finish(client, SEAL, cookie=begun.cookie, state=back["state"], code=back["code"])


def test_a_provider_that_is_not_the_one_that_is_meant_is_refused(client: Client) -> None:
    oidc._discovered.cache_clear()
    with pytest.raises(ConfigurationError, match="calls itself"):
        begin(replace(client, issuer=f"{client.issuer}/"), SEAL)


def test_a_provider_at_an_address_that_is_closed_is_not_asked(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERSIGN_ALLOWED_LOCAL_ADDRESSES", "")
    settings.cache_clear()
    oidc._discovered.cache_clear()
    with pytest.raises(ConfigurationError, match="does not answer"):
        begin(client, SEAL)


def test_what_is_not_set_is_named() -> None:
    some = Settings(oidc_issuer="https://id.example.com", oidc_client_secret=SecretStr("x"))
    with pytest.raises(ConfigurationError, match=r"COUNTERSIGN_OIDC_CLIENT_ID, COUNTERSIGN_URL is not"):
        client_of(some)
    assert client_of(Settings()) is None
