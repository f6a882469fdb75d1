"""Making a passkey: the browser makes it, and the policy has to name it before it signs anything."""

import json
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from starlette.responses import Response
from webauthn import generate_registration_options, options_to_json, verify_registration_response
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from countersign.errors import ConfigurationError, InvalidInput
from countersign.policy.entering import entry_of
from countersign.policy.passkeys import Passkey, is_origin_of
from countersign.policy.roles import Permission
from countersign.policy.signers import Signer
from countersign.texts import text
from countersign.web.acting import Acting, Person
from countersign.web.pages.passkeys_of import passkeys_of, site_of
from countersign.web.pages.rendering import page
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.viewer import viewer_of
from countersign.web.sealed_cookies import LIFE_SECONDS, bytes_of, opened, random_text, sealed
from countersign.web.sessions import set_cookie

COOKIE: Final = "__Host-countersign-making"
PURPOSE: Final = "passkey making"
TITLE: Final = "Countersign"
LONGEST_HANDLE: Final = 64
"""Bytes of a user handle (Web Authentication, 5.4.3). A name that was cut would be another one at the login."""
router = APIRouter(route_class=PageRoute)


@router.get("/passkeys")
def show(request: Request, acting: Person) -> Response:
    """Show one's passkeys in the policy, and offer to make another."""
    return _page(request, acting)


@router.post("/passkeys")
def make(request: Request, acting: Person, credential: Annotated[str, Form(max_length=20_000)]) -> Response:
    """Show the entry of the passkey that the browser has made."""
    site = _site(request, acting)
    kept = opened(request.cookies.get(COOKIE), acting.services.seal, purpose=PURPOSE)
    try:
        origin = json.loads(bytes_of(json.loads(credential)["response"]["clientDataJSON"]))["origin"]
        if not is_origin_of(origin, site):
            raise InvalidInput(f"credential: was made on {origin}, not on {site}")
        made = verify_registration_response(
            credential=credential,
            expected_challenge=bytes_of(str(kept["challenge"])),
            expected_rp_id=site,
            expected_origin=origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InvalidInput("credential: is not a passkey that was made here just now", hint="make it again") from None
    return _page(
        request, acting, made=Signer(name=acting.identity.name, passkey=Passkey.of(site, made.credential_public_key))
    )


def _page(request: Request, acting: Acting, made: Signer | None = None) -> Response:
    site, name = _site(request, acting), acting.identity.name
    handle = name.encode("utf-8")
    if len(handle) > LONGEST_HANDLE:
        raise InvalidInput(text("passkeys_page.name_too_long", language=viewer_of(request).language))
    challenge = random_text()
    options = generate_registration_options(
        rp_id=site,
        rp_name=TITLE,
        # What the browser gives back at the login: who it is, without asking for a name.
        user_id=handle,
        user_name=name,
        challenge=bytes_of(challenge),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    answer = page(
        request,
        acting,
        "passkeys/page.html",
        site=site,
        options=options_to_json(options),
        known=passkeys_of(acting.services.policy, name, site),
        made=made,
        entry=f"signers:\n{entry_of(made)}" if made is not None else "",
        govern=acting.may(Permission.GOVERN),
        word=f"passkey:{made.passkey.site}:{made.passkey.key}" if made is not None and made.passkey else "",
    )
    set_cookie(
        answer,
        COOKIE,
        sealed({"challenge": challenge}, acting.services.seal, purpose=PURPOSE),
        seconds=LIFE_SECONDS,
    )
    return answer


def _site(request: Request, acting: Acting) -> str:
    site = site_of(acting.services.settings)
    if site is None:
        raise ConfigurationError(text("passkeys_page.no_address", language=viewer_of(request).language))
    return site
