"""What a click comes to: a signature of whoever the policy maps its account to, or a refusal with its reason.

In one transaction: the click is held, everything is asked as the records and the policy have it now, the signature is
made, and the click is settled with it. Whoever dies before the end has done nothing, and the click is settled by the
next one who looks.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlmodel import Session

from countersign.chat.buttons import require_genuine, seal_click, seal_message
from countersign.errors import ChangedSince, CountersignError, Forbidden, InvalidInput, SignatureRefused
from countersign.execution.chat_key import read_chat_key
from countersign.execution.decisions import record_signature
from countersign.execution.filing import signed_content
from countersign.execution.scope import scope_of
from countersign.execution.services import Services
from countersign.policy.access import Identity, may
from countersign.policy.chat_accounts import ChatAccount
from countersign.policy.chat_accounts import ChatService as Service
from countersign.policy.roles import Permission
from countersign.policy.signatures import Decision, sign_click
from countersign.policy.signers import Signer
from countersign.records import audit, chat, refusals
from countersign.records.approvals import get_approval
from countersign.records.audit_events import Event
from countersign.records.database.engine import clock, transaction
from countersign.records.database.identifiers import short_id
from countersign.records.states import ApprovalStatus, ChatChoice, ChatPurpose, ChatService, ClickResult
from countersign.records.tables import Approval, ChatClick, ChatMessage
from countersign.texts import text

CLICK_LIFE: Final = timedelta(minutes=10)
"""One that could not be settled for so long says nothing any more: whoever clicked may think otherwise."""


@dataclass(frozen=True)
class Settled:
    """What became of a click."""

    result: ClickResult
    said: str
    """A sentence for the one who clicked."""
    message: ChatMessage | None = None
    """Where it was clicked."""


def settle(services: Services, service: ChatService, click_id: str) -> Settled | None:
    """Settle a click; None where it is settled, or another process is about to. Raises DatabaseUnavailable."""
    try:
        with transaction(services.engine) as session:
            click = chat.hold_click(session, service, click_id)
            if click is None:
                return None
            settled = _decide(session, services, click)
            chat.settle_click(session, service, click_id, settled.result)
            return settled
    except CountersignError as error:
        if not _is_final(error):
            raise
        refused = error
    return _refuse(services, service, click_id, refused)


def _is_final(error: CountersignError) -> bool:
    """Tell whether the same click would be refused again: anything else is tried until it is settled."""
    return isinstance(error, InvalidInput | Forbidden | SignatureRefused | ChangedSince) or (
        refusals.event_of(error) is not None
    )


def _refuse(services: Services, service: ChatService, click_id: str, error: CountersignError) -> Settled | None:
    with transaction(services.engine) as session:
        click = chat.hold_click(session, service, click_id)
        if click is None:
            return None
        chat.settle_click(session, service, click_id, ClickResult.REFUSED, error.message)
        actor = ":".join(filter(None, ("chat", service, click.workspace, click.account)))
        details = {"click": click_id, "found": error.message}
        audit.record(session, Event.CLICK_REFUSED, actor=actor, details=details)
        message = chat.message_with(session, click.message_id)
    event = refusals.event_of(error)
    if event is not None and event is not Event.SIGNATURE_REFUSED:
        # One of a signature was told where it was found.
        refusals.tell(services.engine, error, actor=actor)
    hint = f" {error.hint}." if error.hint else ""
    return Settled(ClickResult.REFUSED, f"{error.message.rstrip('.')}.{hint}", message)


def _decide(session: Session, services: Services, click: ChatClick) -> Settled:
    require_genuine(click.mac, seal_click(services.seal, click), of=f"click {click.click_id}")
    message = chat.message_with(session, click.message_id)
    assert message is not None  # a foreign key
    require_genuine(message.mac, seal_message(services.seal, message), of=f"message {message.id}")
    language = message.language
    now = clock(session)
    if message.closed_at is not None or message.expires_at <= now or click.received_at + CLICK_LIFE <= now:
        raise SignatureRefused(text("chat.too_old", language=language))
    approval = get_approval(session, message.approval_id)
    if signed_content(approval).hash != message.content_hash:
        raise ChangedSince(text("chat.changed", language=language))
    signer = _signer_of(services, click, language)
    answer = may(services.policy, Identity(signer.name), Permission.DECIDE, scope_of(approval))
    if not answer.allowed:
        raise Forbidden(f"{answer.reason}.", hint="an administrator gives it under roles in the policy")
    short = short_id(approval.id)
    if click.choice is ChatChoice.ASK:
        if approval.status is not ApprovalStatus.PENDING:
            raise InvalidInput(f"approval {approval.id} is {approval.status}, it takes no more signatures")
        return Settled(ClickResult.ASKED, text("chat.why", language=language, id=short), message)
    if click.choice is ChatChoice.REJECT and not click.comment:
        raise SignatureRefused(text("chat.no_reason", language=language))
    decision = Decision.APPROVE if click.choice is ChatChoice.APPROVE else Decision.REJECT
    _sign(session, services, approval, signer=signer, click=click, decision=decision)
    if message.purpose is ChatPurpose.REASON:
        chat.close(session, message.id)
    said = text(f"chat.recorded_{decision}", language=language, who=signer.name, id=short)
    return Settled(ClickResult.RECORDED, said, message)


def _signer_of(services: Services, click: ChatClick, language: str) -> Signer:
    """Return the entry of the policy that the account is. Raises SignatureRefused where it is nobody's."""
    account = _account_of(click)
    found = services.policy.signer_with_key(account.key_id)
    if found is None:
        raise SignatureRefused(
            text("chat.unknown_account", language=language, account=account.key_id),
            hint=f"countersign keys enter NAME {account.key_id}",
        )
    return found


def _account_of(click: ChatClick) -> ChatAccount:
    try:
        return ChatAccount(service=Service(click.service), workspace=click.workspace, account=click.account)
    except ValueError:
        raise InvalidInput("account: is not one that the service could have") from None


def _sign(
    session: Session,
    services: Services,
    approval: Approval,
    *,
    signer: Signer,
    click: ChatClick,
    decision: Decision,
) -> None:
    value = sign_click(
        signed_content(approval),
        approval_id=approval.id,
        signer=signer.name,
        decision=decision,
        account=_account_of(click),
        click=click.click_id,
        key=read_chat_key(services.settings.trust_dir),
    )
    record_signature(
        session, services, approval, signer=signer.name, value=value, decision=decision, comment=click.comment
    )
