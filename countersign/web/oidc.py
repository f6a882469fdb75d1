"""Logging in by an OpenID Connect provider: the authorization code flow (OpenID Connect Core 1.0, RFC 7636 with it).

What has to be remembered between the two halves is in a sealed cookie of the browser that began, so the second half
may reach any other process, and no other browser can finish a login that it did not begin.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from countersign.errors import ConfigurationError, CountersignError, Unauthenticated
from countersign.execution.outward import AddressRefused, guarded
from countersign.execution.plan_seal import Seal
from countersign.policy.access import Identity
from countersign.policy.names import require_name
from countersign.settings import Settings
from countersign.web.sealed_cookies import opened, random_text, sealed, text_of

COOKIE: Final = "__Host-countersign-oidc"
PURPOSE: Final = "oidc"
PATIENCE_SECONDS: Final = 10.0
KNOWN_SECONDS: Final = 3600.0
CLOCK_SKEW_SECONDS: Final = 60
ALGORITHMS: Final = ["RS256", "ES256", "PS256", "EdDSA", "Ed25519"]
"""Those that only the provider can sign with: none, and none with a shared secret."""
SCOPE: Final = "openid email profile"
CALLBACK: Final = "/login/oidc/callback"


@dataclass(frozen=True)
class Client:
    """This installation as the provider knows it."""

    issuer: str
    client_id: str
    client_secret: str
    address: str
    """Of the pages, as the browser reaches them."""
    name_claim: str
    groups_claim: str

    @property
    def redirect(self) -> str:
        """Where the provider sends the browser back to."""
        return f"{self.address}{CALLBACK}"


@dataclass(frozen=True)
class Begun:
    """A login that was begun: where the browser goes, and what it keeps for the second half."""

    address: str
    cookie: str


def client_of(settings: Settings) -> Client | None:
    """Return the client that the settings describe, None where there is no provider. Raises ConfigurationError."""
    if settings.oidc_issuer is None:
        return None
    missing = [
        name
        for name, value in (
            ("COUNTERSIGN_OIDC_CLIENT_ID", settings.oidc_client_id),
            ("COUNTERSIGN_OIDC_CLIENT_SECRET", settings.oidc_client_secret),
            ("COUNTERSIGN_URL", settings.url),
        )
        if not value
    ]
    if missing or settings.oidc_client_id is None or settings.oidc_client_secret is None or settings.url is None:
        raise ConfigurationError(
            f"COUNTERSIGN_OIDC_ISSUER is set and {', '.join(missing)} is not", hint="see docs/access.md"
        )
    return Client(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value(),
        address=settings.url,
        name_claim=settings.oidc_name_claim,
        groups_claim=settings.oidc_groups_claim,
    )


def begin(client: Client, seal: Seal, *, back: str = "/") -> Begun:
    """Begin a login that leads back to the page `back`.

    Raises ConfigurationError where the provider does not say how it is asked.
    """
    asked = {name: random_text() for name in ("state", "nonce", "verifier")}
    challenge = hashlib.sha256(asked["verifier"].encode()).digest()
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect,
        "scope": SCOPE,
        "state": asked["state"],
        "nonce": asked["nonce"],
        "code_challenge": text_of(challenge),
        "code_challenge_method": "S256",
    }
    where = _described(client)["authorization_endpoint"]
    separator = "&" if "?" in where else "?"
    return Begun(f"{where}{separator}{urlencode(query)}", sealed({**asked, "back": back}, seal, purpose=PURPOSE))


def finish(client: Client, seal: Seal, *, cookie: str | None, state: str, code: str) -> tuple[Identity, str]:
    """Return who has logged in, and the page that was meant.

    Raises Unauthenticated, ConfigurationError where the provider cannot be asked.
    """
    asked = opened(cookie, seal, purpose=PURPOSE)
    if not hmac.compare_digest(str(asked["state"]).encode(), state.encode()):
        raise Unauthenticated("The provider answers another login than the one begun here.", hint="begin again")
    described = _described(client)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect,
        "code_verifier": asked["verifier"],
    }
    answer = _ask("POST", described["token_endpoint"], data=form, auth=(client.client_id, client.client_secret))
    claims = _claims(client, described, answer, nonce=str(asked["nonce"]))
    return identity_in(claims, client), str(asked["back"])


def identity_in(claims: Mapping[str, Any], client: Client) -> Identity:
    """Return whom the ID token is about. Raises Unauthenticated."""
    name = claims.get(client.name_claim)
    if not isinstance(name, str) or not name:
        raise Unauthenticated(
            f"The provider says nothing in {client.name_claim!r}.", hint="COUNTERSIGN_OIDC_NAME_CLAIM names the claim"
        )
    if client.name_claim == "email" and claims.get("email_verified") is not True:
        raise Unauthenticated("The provider has not verified the email address.", hint="verify it there, then log in")
    try:
        require_name(name, field=client.name_claim)
    except CountersignError as error:
        raise Unauthenticated(f"The name cannot be used: {error.message}") from None
    groups = claims.get(client.groups_claim, [])
    listed = groups if isinstance(groups, list) else [groups]
    return Identity(name, groups=frozenset(group for group in listed if isinstance(group, str)))


def _claims(
    client: Client, described: Mapping[str, Any], answer: Mapping[str, Any], *, nonce: str
) -> Mapping[str, Any]:
    """Return what the ID token says, if the provider signed it, for this client, in answer to this login."""
    try:
        keys = KeySet.import_key_set({"keys": list(_ask("GET", described["jwks_uri"])["keys"])})
        token = jwt.decode(str(answer["id_token"]), keys, algorithms=ALGORITHMS)
        jwt.JWTClaimsRegistry(
            leeway=CLOCK_SKEW_SECONDS,
            iss={"essential": True, "value": client.issuer},
            aud={"essential": True, "value": client.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(token.claims)
    except (JoseError, KeyError, ValueError, TypeError) as error:
        raise Unauthenticated(
            f"The provider's ID token is not believed ({type(error).__name__}).", hint="begin again"
        ) from None
    claims: Mapping[str, Any] = token.claims
    if claims.get("azp", client.client_id) != client.client_id:
        raise Unauthenticated("The provider's ID token is for another client.")
    return claims


def _described(client: Client) -> Mapping[str, Any]:
    """Return what the provider says of itself (OpenID Connect Discovery 1.0, 4)."""
    return _discovered(client.issuer, int(time.monotonic() // KNOWN_SECONDS))


@lru_cache(maxsize=4)
def _discovered(issuer: str, _hour: int) -> Mapping[str, Any]:
    found = _ask("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if found.get("issuer") != issuer:
        raise ConfigurationError(
            f"The provider at {issuer} calls itself {found.get('issuer')!r}.",
            hint="COUNTERSIGN_OIDC_ISSUER is exactly what it calls itself",
        )
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        if not isinstance(found.get(name), str):
            raise ConfigurationError(f"The provider at {issuer} names no {name}.")
    return found


def _ask(method: str, address: str, **options: Any) -> Mapping[str, Any]:
    """Return the provider's JSON. Raises ConfigurationError without any of what was sent."""
    host = httpx.URL(address).host
    try:
        with guarded(host), httpx.Client(timeout=PATIENCE_SECONDS, follow_redirects=False) as http:
            answer = http.request(method, address, headers={"Accept": "application/json"}, **options)
        if answer.status_code in (400, 401) and method == "POST":
            raise Unauthenticated("The provider does not accept the login.", hint="begin again")
        answer.raise_for_status()
        found = answer.json()
    except (httpx.HTTPError, AddressRefused, ValueError) as error:
        raise ConfigurationError(
            f"The login provider at {host} does not answer as one ({type(error).__name__}).",
            hint="COUNTERSIGN_OIDC_ISSUER names it",
        ) from None
    if not isinstance(found, dict):
        raise ConfigurationError(f"The login provider at {host} does not answer with an object.")
    return found
