"""Signing a version of the policy on its page, with an administrator's passkey, and putting it in force."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from countersign.errors import ChangedSince, ConfigurationError, InvalidInput, SignatureRefused
from countersign.execution.policy import change
from countersign.execution.policy.in_force import pinned_administrators, recorded_signatures, version_of
from countersign.policy.administrators import Administrator
from countersign.policy.names import identity
from countersign.policy.passkeys import LONGEST, challenge_of, verify_passkey
from countersign.policy.roles import Permission
from countersign.policy.versions import PolicyVersion, Verified, VersionSignature, signed_bytes, verify_version
from countersign.records.policy_versions import get_version, signatures_on
from countersign.records.tables import PolicyVersionRow
from countersign.texts import text
from countersign.web.acting import Acting, Person
from countersign.web.pages.approval.by_passkey import assertion_of
from countersign.web.pages.passkeys_of import site_of
from countersign.web.pages.routing import PageRoute
from countersign.web.pages.viewer import viewer_of
from countersign.web.sealed_cookies import text_of

router = APIRouter(prefix="/policy", route_class=PageRoute)


@dataclass(frozen=True)
class Signing:
    """What one person can do about a version."""

    verified: Verified | None
    """Whose signatures count; None where no administrators are pinned that could be read."""
    may_sign: bool
    """They are an administrator who has not signed it."""
    challenge: str
    """What their passkey signs, base64url; empty where none of theirs counts here."""
    may_activate: bool


def signing(session: Session, acting: Acting, row: PolicyVersionRow, *, waits: bool) -> Signing:
    """Return what the one who looks can do about a version, which `waits` to be put in force."""
    try:
        pinned = pinned_administrators(acting.services.settings.trust_dir)
    except ConfigurationError:
        return Signing(None, may_sign=False, challenge="", may_activate=False)
    assert row.number is not None
    version, name = version_of(row), acting.identity.name
    verified = verify_version(version, recorded_signatures(session, row.number), pinned)
    waits = waits and acting.may(Permission.GOVERN) and acting.services.settings.policy_file is None
    may_sign = (
        waits
        and identity(name) in map(identity, pinned.people)
        and identity(name) not in map(identity, verified.administrators)
    )
    mine = pinned.passkeys_of(name, site_of(acting.services.settings)) if may_sign else ()
    challenge = text_of(challenge_of(_message(version, mine[0]))) if mine else ""
    return Signing(verified, may_sign, challenge, may_activate=waits and verified.suffices)


@router.post("/{number}/sign")
def sign(
    request: Request,
    acting: Person,
    number: int,
    credential: Annotated[str, Form(max_length=LONGEST)],
    shown: Annotated[str, Form()] = "",
) -> Response:
    """Put the signature on record that an administrator's passkey has made of the version that the page shows."""
    acting.require(Permission.GOVERN)
    change.require_record(acting.services.settings)
    pinned = pinned_administrators(acting.services.settings.trust_dir)
    language, value = viewer_of(request).language, assertion_of(credential)
    with change.refusals_told(acting.engine, number, by=acting.identity.name), acting.records() as session:
        if get_version(session, number).hash != shown:
            raise ChangedSince(text("approval_page.changed_since", language=language))
        version = change.unchanged_version(session, number)
        mine = pinned.passkeys_of(acting.identity.name, site_of(acting.services.settings))
        entry = next((each for each in mine if _has_made(each, version, value)), None)
        if entry is None:
            raise SignatureRefused(text("policy_page.not_made_here", language=language, who=acting.identity.name))
        if not any(row.value == value for row in signatures_on(session, number)):  # else it came twice
            change.record_signature(session, number, VersionSignature(entry.name, entry.key_id, value), pinned)
    return RedirectResponse(f"/policy/{number}", status_code=303)


@router.post("/{number}/activate")
def activate(
    request: Request,
    acting: Person,
    number: int,
    shown: Annotated[str, Form()] = "",
    understood: Annotated[str, Form()] = "",
) -> Response:
    """Put a version in force that enough administrators have signed. The consequence has to be confirmed."""
    acting.require(Permission.GOVERN)
    change.require_record(acting.services.settings)
    pinned = pinned_administrators(acting.services.settings.trust_dir)
    language = viewer_of(request).language
    if not understood:
        raise InvalidInput(text("kill_switch_page.not_confirmed", language=language))
    with change.refusals_told(acting.engine, number, by=acting.identity.name), acting.records() as session:
        row = get_version(session, number)
        if row.hash != shown:
            raise ChangedSince(text("approval_page.changed_since", language=language))
        if row.activated_at is None:  # else it came twice
            change.activate(session, number, pinned, by=acting.identity.name)
    return RedirectResponse("/policy", status_code=303)


def _message(version: PolicyVersion, entry: Administrator) -> bytes:
    return signed_bytes(version, administrator=entry.name)


def _has_made(entry: Administrator, version: PolicyVersion, value: str) -> bool:
    return entry.passkey is not None and verify_passkey(_message(version, entry), value, entry.passkey)
