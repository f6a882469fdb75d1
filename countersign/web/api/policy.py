"""`/v1/policy`: what may be done and by whose signature; changing it: proposed, signed elsewhere, activated."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel, Field, StringConstraints
from sqlmodel import Session

from countersign.errors import ChangedSince, ConfigurationError, InvalidInput, NotFound
from countersign.execution.policy import change
from countersign.execution.policy.difference import Named, difference, text_in_force, version_named
from countersign.execution.policy.in_force import (
    InForce,
    pinned_administrators,
    policy_source,
    recorded_signatures,
    version_of,
)
from countersign.policy.document import Policy
from countersign.policy.loading import load_policy
from countersign.policy.roles import Permission
from countersign.policy.versions import Verified, VersionSignature, require_workable, signed_bytes, verify_version
from countersign.records.policy_versions import get_version, in_force, versions
from countersign.records.tables.policy import DOCUMENT_LIMIT, REASON_LIMIT
from countersign.web.acting import Acting, Caller
from countersign.web.api.responses import problems
from countersign.web.api.words import Base64, Given, IfMatch, Word

router = APIRouter(prefix="/policy", tags=["policy"])
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Document = Annotated[str, StringConstraints(min_length=1, max_length=DOCUMENT_LIMIT)]


class PolicyView(BaseModel):
    """The policy that is in force."""

    number: int | None = Field(description="null where it is a mounted file")
    hash: str
    document: str = Field(description="YAML")
    administrators: list[str] = Field(description="whose signatures on it count")


class VersionView(BaseModel):
    """A version, and whose signatures on it count."""

    number: int
    hash: str
    previous_hash: str | None
    author: str
    reason: str
    proposed_at: datetime
    activated_at: datetime | None
    activated_by: str | None
    in_force: bool
    administrators: list[str]
    quorum: int
    not_counted: list[str] = Field(description="whose signature does not count, and why")


class WholeVersionView(VersionView):
    """A version with its text."""

    document: str


class Difference(BaseModel):
    """The lines that differ, as `diff -u` writes them."""

    difference: str


class PolicyText(Given):
    """A policy's text."""

    document: Document = Field(description="YAML")


class CheckedView(BaseModel):
    """Whether it is a policy that works; if not, what is wrong where."""

    works: bool
    problem: str | None = None
    hint: str | None = None
    signers: list[str] = []
    freeze_windows: int = 0


class Proposal(PolicyText):
    """The next version. Who proposes it is whoever sends it."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=REASON_LIMIT, pattern=r"\S")]


class PolicySigningView(BaseModel):
    """What an administrator signs."""

    number: int
    administrator: str
    hash: str
    message: str = Field(description="the exact bytes to be signed, base64")


class NewPolicySignature(Given):
    """An administrator's Ed25519 signature, made elsewhere over what `GET …/signing` returns."""

    administrator: Word
    key_id: Word = Field(examples=["ed25519:4f0c2a1b9d8e7f60718293a4b5c6d7e8"])
    value: Base64 = Field(description="base64")


class Counted(BaseModel):
    """Whose signatures count now."""

    administrators: list[str]
    quorum: int
    suffices: bool


@router.get(
    "",
    response_model=PolicyView,
    responses={**problems(404), 304: {"description": "It is what was seen."}},
)
def show(
    acting: Caller,
    if_none_match: Annotated[str | None, Header(description="the ETag that was seen")] = None,
) -> Response:
    """Return the policy that is in force, verified."""
    acting.require(Permission.READ)
    found = policy_source(acting.services.settings, acting.engine).read()
    if found.mark is None:
        raise NotFound("No policy is in force, so nothing can be approved.", hint="propose one, sign it, activate it")
    headers = {"ETag": f'"{found.mark.hash}"'}
    if if_none_match == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(_view(found).model_dump_json(), media_type="application/json", headers=headers)


@router.post("/check", response_model=CheckedView, responses=problems(idempotent=True))
def check(body: PolicyText, acting: Caller) -> Response:
    """Say whether a text is a policy that works. Nothing goes on record."""
    acting.require(Permission.READ, None)

    def work(_session: Session) -> CheckedView:
        try:
            found = _workable(body.document)
        except InvalidInput as error:
            return CheckedView(works=False, problem=error.message, hint=error.hint)
        names = list(dict.fromkeys(signer.name for signer in found.signers))
        return CheckedView(works=True, signers=names, freeze_windows=len(found.freeze_windows))

    return acting.once(work)


@router.get("/versions", responses=problems())
def list_(acting: Caller, limit: Annotated[int, Query(ge=1, le=1_000)] = 20) -> list[VersionView]:
    """List versions, newest first."""
    acting.require(Permission.READ)
    with acting.records() as session:
        rows = versions(session, limit=limit)
        return [_version(session, acting, row.number) for row in rows]


@router.post("/versions", status_code=201, response_model=WholeVersionView, responses=problems(412, idempotent=True))
def propose(body: Proposal, acting: Caller, if_match: IfMatch = None) -> Response:
    """Put a text on record as the next version. It decides nothing until it is signed and activated."""
    acting.require(Permission.GOVERN)
    change.require_record(acting.services.settings)
    _workable(body.document)

    def work(session: Session) -> WholeVersionView:
        mark = in_force(session)
        if if_match not in (None, "*", f'"{mark.hash if mark else ""}"'):
            raise ChangedSince("The policy in force is not the one that was seen.", hint="read it again")
        made = change.propose(session, body.document, author=acting.identity.name, reason=body.reason)
        return _whole(session, acting, made.number)

    return acting.once(work, status=201, headers=lambda made: {"Location": f"/v1/policy/versions/{made.number}"})


@router.get("/versions/{number}", responses=problems(404))
def show_version(number: Number, acting: Caller) -> WholeVersionView:
    """Return a version with its text."""
    acting.require(Permission.READ)
    with acting.records() as session:
        return _whole(session, acting, number)


@router.get("/versions/{number}/difference", responses=problems(404))
def show_difference(
    number: Number,
    acting: Caller,
    since: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="the version to compare with; the one in force unless said")
    ] = None,
) -> Difference:
    """Return what a version changes."""
    acting.require(Permission.READ)
    with acting.records() as session:
        old: Named = text_in_force(session) if since is None else version_named(session, since)
        return Difference(difference=difference(old, version_named(session, number)))


@router.get("/versions/{number}/signing", responses=problems(404))
def signing(
    number: Number,
    acting: Caller,
    administrator: Annotated[str | None, Query(max_length=200, description="the caller unless said")] = None,
) -> PolicySigningView:
    """Return the exact bytes that an administrator signs with a key of their own."""
    acting.require(Permission.GOVERN)
    name = administrator or acting.identity.name
    with acting.records() as session:
        version = change.unchanged_version(session, number)
    message = base64.b64encode(signed_bytes(version, administrator=name)).decode("ascii")
    return PolicySigningView(number=number, administrator=name, hash=version.hash, message=message)


@router.post(
    "/versions/{number}/signatures", status_code=201, response_model=Counted, responses=problems(404, idempotent=True)
)
def sign(number: Number, body: NewPolicySignature, acting: Caller) -> Response:
    """Put an administrator's signature on record that was made elsewhere. The key says whose it is."""
    acting.require(Permission.GOVERN)
    change.require_record(acting.services.settings)
    pinned = pinned_administrators(acting.services.settings.trust_dir)
    made = VersionSignature(body.administrator, body.key_id, body.value)

    def work(session: Session) -> Counted:
        return _counted(change.record_signature(session, number, made, pinned))

    with change.refusals_told(acting.engine, number, by=acting.identity.name):
        return acting.once(work, status=201)


@router.post("/versions/{number}/activate", response_model=WholeVersionView, responses=problems(404, idempotent=True))
def activate(number: Number, acting: Caller) -> Response:
    """Put a version in force, once enough administrators have signed it."""
    acting.require(Permission.GOVERN)
    change.require_record(acting.services.settings)
    pinned = pinned_administrators(acting.services.settings.trust_dir)

    def work(session: Session) -> WholeVersionView:
        change.activate(session, number, pinned, by=acting.identity.name)
        return _whole(session, acting, number)

    with change.refusals_told(acting.engine, number, by=acting.identity.name):
        return acting.once(work)


def _workable(document: str) -> Policy:
    """Return the policy that a text is. Raises InvalidInput: what is wrong is the request's, not this process's."""
    try:
        found = load_policy(document, source="document")
        require_workable(found, source="document")
    except ConfigurationError as error:
        raise InvalidInput(error.message, hint=error.hint) from None
    return found


def _view(found: InForce) -> PolicyView:
    assert found.mark is not None
    return PolicyView(
        number=found.mark.number,
        hash=found.mark.hash,
        document=found.document,
        administrators=list(found.administrators),
    )


def _version(session: Session, acting: Acting, number: int) -> VersionView:
    return VersionView(**_facts(session, acting, number))


def _whole(session: Session, acting: Acting, number: int) -> WholeVersionView:
    return WholeVersionView(**_facts(session, acting, number), document=get_version(session, number).document)


def _facts(session: Session, acting: Acting, number: int) -> dict[str, Any]:
    row, now = get_version(session, number), in_force(session)
    signatures: Sequence[VersionSignature] = recorded_signatures(session, number)
    verified = verify_version(version_of(row), signatures, pinned_administrators(acting.services.settings.trust_dir))
    return {
        **row.model_dump(exclude={"document", "previous"}),
        "in_force": now is not None and now.number == number,
        "administrators": list(verified.administrators),
        "quorum": verified.quorum,
        "not_counted": list(verified.not_counted),
    }


def _counted(found: Verified) -> Counted:
    return Counted(administrators=list(found.administrators), quorum=found.quorum, suffices=found.suffices)
