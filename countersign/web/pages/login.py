"""Logging in and out: by a one-time link, by a login provider, by a passkey."""

import json
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Query, Request
from pydantic import SecretStr
from starlette.responses import RedirectResponse, Response

from countersign.errors import CountersignError, Unauthenticated
from countersign.execution.access import (
    Method,
    Shown,
    answer_once,
    begin_session,
    end_session,
    log_in_by_code,
    tell_refusal,
)
from countersign.execution.services import Services
from countersign.policy.access import Identity
from countersign.policy.passkeys import LONGEST, kept_assertion, verify_challenge
from countersign.records import refusals
from countersign.records.database.engine import transaction
from countersign.web import oidc
from countersign.web.acting import Person, doors_of
from countersign.web.content_security import NOT_KEPT
from countersign.web.pages.passkeys_of import passkeys_of, site_of
from countersign.web.pages.rendering import page, with_query
from countersign.web.pages.routing import PageRoute
from countersign.web.sealed_cookies import LIFE_SECONDS, bytes_of, opened, random_text, sealed
from countersign.web.sessions import end_in_browser, local_path, require_own_origin, set_cookie, set_session

PASSKEY_COOKIE: Final = "__Host-countersign-passkey"
PURPOSE: Final = "passkey login"
router = APIRouter(route_class=PageRoute)

Back = Annotated[str, Query(max_length=500)]
BackField = Annotated[str, Form(max_length=500)]


@router.get("/login")
def show(
    request: Request, code: Annotated[str, Query(max_length=200)] = "", back: Back = "/", left: bool = False
) -> Response:
    """Show the ways to log in. A link is not used up by opening it: programs that look at messages do that."""
    services = doors_of(request).source.now()
    site = site_of(services.settings)
    with_passkeys = site is not None and any(
        each.passkey is not None and each.passkey.site == site for each in services.policy.signers
    )
    client = oidc.client_of(services.settings)
    challenge = random_text()
    answer = page(
        request,
        None,
        "login/page.html",
        code=code,
        back=local_path(back),
        left=left,
        provider=urlsplit(client.issuer).hostname if client is not None else None,
        oidc_address=with_query("/login/oidc", back=local_path(back)),
        challenge=challenge if with_passkeys else None,
        site=site,
    )
    if with_passkeys:
        kept = sealed({"challenge": challenge}, services.seal, purpose=PURPOSE)
        set_cookie(answer, PASSKEY_COOKIE, kept, seconds=LIFE_SECONDS)
    return answer


@router.post("/login", dependencies=[Depends(require_own_origin)])
def by_link(request: Request, code: Annotated[str, Form(max_length=200)], back: BackField = "/") -> Response:
    """Log in by a one-time link."""
    doors, shown = doors_of(request), SecretStr(code)
    services = doors.source.now()
    address = _address(request)
    try:
        with transaction(services.engine) as session:
            begun = log_in_by_code(session, services.seal, shown)
    except CountersignError as error:
        if isinstance(error, Unauthenticated):
            doors.lockout.failed(address)
        refusals.tell(services.engine, error)
        with transaction(services.engine) as session:
            tell_refusal(session, error, shown)
        raise
    doors.lockout.succeeded(address)
    return _logged_in(begun, back)


@router.get("/login/oidc")
def to_provider(request: Request, back: Back = "/") -> Response:
    """Lead to the login provider."""
    services = doors_of(request).source.now()
    begun = oidc.begin(_client(services), services.seal, back=local_path(back))
    answer = RedirectResponse(begun.address, status_code=303, headers=NOT_KEPT)
    set_cookie(answer, oidc.COOKIE, begun.cookie, seconds=LIFE_SECONDS)
    return answer


@router.get(oidc.CALLBACK)
def from_provider(
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=2_000)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Log in whom the provider says it is."""
    doors = doors_of(request)
    services, cookie = doors.source.now(), request.cookies.get(oidc.COOKIE)
    if error or not code or cookie is None:
        # No failure of anybody's: another site's page can send a browser here.
        raise Unauthenticated("The login provider did not let you in.", hint="begin again")
    try:
        who, back = oidc.finish(_client(services), services.seal, cookie=cookie, state=state, code=code)
    except Unauthenticated:
        doors.lockout.failed(_address(request))
        raise
    answer = _logged_in(_begun(services, who, Method.OIDC), back)
    set_cookie(answer, oidc.COOKIE, "", seconds=0)
    return answer


@router.post("/login/passkey", dependencies=[Depends(require_own_origin)])
def by_passkey(
    request: Request, credential: Annotated[str, Form(max_length=LONGEST)], back: BackField = "/"
) -> Response:
    """Log in by a passkey that is in the policy."""
    doors = doors_of(request)
    services = doors.source.now()
    try:
        kept = opened(request.cookies.get(PASSKEY_COOKIE), services.seal, purpose=PURPOSE)
        challenge = bytes_of(str(kept["challenge"]))
        name = _who_answered(services, credential, challenge)
        with transaction(services.engine) as session:
            # The cookie and the answer can be copied, and both are good for minutes.
            answer_once(session, challenge)
            begun = begin_session(session, services.seal, Identity(name), method=Method.PASSKEY)
    except Unauthenticated:
        doors.lockout.failed(_address(request))
        raise
    answer = _logged_in(begun, back)
    set_cookie(answer, PASSKEY_COOKIE, "", seconds=0)
    return answer


@router.post("/logout")
def leave(acting: Person) -> Response:
    """End the session, here and on record."""
    assert acting.by.session_id is not None
    with acting.records() as session:
        end_session(session, acting.by.session_id, by=acting.identity.name)
    answer = RedirectResponse("/login?left=true", status_code=303, headers=NOT_KEPT)
    end_in_browser(answer)
    return answer


def _who_answered(services: Services, credential: str, challenge: bytes) -> str:
    """Return whose passkey has answered, as the policy spells the name. Raises Unauthenticated."""
    try:
        said = json.loads(credential)
        name = bytes_of(said["response"]["userHandle"]).decode("utf-8")
        value = kept_assertion(said)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        name, value = "", ""
    for entry in passkeys_of(services.policy, name, site_of(services.settings)) if value else ():
        if entry.passkey is not None and verify_challenge(challenge, value, entry.passkey):
            return entry.name
    raise Unauthenticated("The passkey is not in the policy for these pages.", hint="log in in another way")


def _client(services: Services) -> oidc.Client:
    client = oidc.client_of(services.settings)
    if client is None:
        raise Unauthenticated("No login provider is configured here.", hint="log in in another way")
    return client


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "unknown"


def _begun(services: Services, who: Identity, method: Method) -> Shown:
    with transaction(services.engine) as session:
        return begin_session(session, services.seal, who, method=method)


def _logged_in(begun: Shown, back: str) -> Response:
    answer = RedirectResponse(local_path(back), status_code=303, headers=NOT_KEPT)
    set_session(answer, begun)
    return answer
