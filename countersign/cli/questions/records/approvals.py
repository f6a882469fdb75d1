"""Requests, as the records have them."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from countersign.cli.opened import approval_named, open_for_commands, open_records
from countersign.cli.options import acting
from countersign.cli.questions.answers import Decided, Explained, FiledRequest
from countersign.cli.signing import signing_of
from countersign.client import Signing
from countersign.errors import ChangedSince
from countersign.execution.approval_facts import approval_facts
from countersign.execution.decisions import sign_approval, who_may_still_sign
from countersign.execution.explanation import explain
from countersign.execution.filing import Request, file_at, require_readable, signed_content
from countersign.execution.report import Report
from countersign.execution.services import Services
from countersign.execution.withdrawal import withdraw
from countersign.policy.access import Identity
from countersign.policy.signatures import Decision
from countersign.records.approval_list import ApprovalRow, Only, approval_rows
from countersign.records.approvals import get_approval, signatures_of
from countersign.records.database.engine import transaction
from countersign.records.states import ApprovalStatus


class ApprovalsOnRecord:
    """About requests."""

    def who(self, by: str | None) -> str:
        """Return `by`, or the login name."""
        return acting(by)

    def file(self, request: Request, *, as_is: bool) -> FiledRequest:
        """File a request."""
        if not as_is:
            # Before anything is connected to.
            require_readable(request.action)
        services = self._services
        with transaction(services.engine) as session:
            filed = file_at(session, services, request, as_is=as_is)
        selected = filed.selected
        return FiledRequest(
            id=filed.approval.id,
            reading=filed.reading,
            selector=selected.selector if selected is not None else None,
            selected=selected.names if selected is not None else (),
        )

    def rows(self, only: Only, *, limit: int) -> Sequence[ApprovalRow]:
        """Return requests with what became of each, newest first."""
        with transaction(self._engine) as session:
            return approval_rows(session, only, limit=limit)

    def named(self, given: str) -> UUID:
        """Return the request that `given` names."""
        with transaction(self._engine) as session:
            return approval_named(session, given)

    def status(self, approval_id: UUID) -> ApprovalStatus:
        """Return where a request stands."""
        with transaction(self._engine) as session:
            return get_approval(session, approval_id).status

    def facts(self, approval_id: UUID) -> Mapping[str, Any]:
        """Return everything about a request."""
        with transaction(self._engine) as session:
            return approval_facts(session, approval_id)

    def signing(self, approval_id: UUID, *, signer: str, decision: Decision) -> Signing:
        """Return what is to be signed, as the record holds it now."""
        with transaction(self._engine) as session:
            return signing_of(get_approval(session, approval_id), signer=signer, decision=decision)

    def sign(self, signing: Signing, key: Ed25519PrivateKey, *, comment: str) -> Decided:
        """Sign what was shown. Raises ChangedSince where the record is something else by now."""
        services = self._services
        with transaction(services.engine) as session:
            approval = get_approval(session, UUID(signing.approval_id))
            content = signed_content(approval)
            if content.hash != signing.hash:
                raise ChangedSince(
                    f"Approval {approval.id} is not what was shown any more.", hint="look at it again before signing"
                )
            approval = sign_approval(
                session,
                services,
                approval,
                signer=signing.signer,
                key=key,
                decision=Decision(signing.decision),
                comment=comment,
            )
            given = [row.signer for row in signatures_of(session, approval.id)]
        return Decided(approval, given, who_may_still_sign(services, approval, given=given))

    def cancel(self, approval_id: UUID, *, by: str | None, reason: str) -> ApprovalStatus:
        """Withdraw a request, as its requester."""
        who = Identity(acting(by))
        with transaction(self._engine) as session:
            return withdraw(session, get_approval(session, approval_id), acting=who, reason=reason).status

    def explain(self, approval_id: UUID) -> Explained:
        """Say whether a request would run now."""
        services = self._services
        with transaction(services.engine) as session:
            approval = get_approval(session, approval_id)
        found, mark = explain(services, approval), services.policy_mark
        return Explained(found.runs, found.answers, str(mark) if mark is not None else None)

    def run(self, approval_id: UUID, *, dry_run: bool, wait: bool) -> Report | UUID:
        """Start a run through Prefect."""
        from countersign.cli.triggering import trigger  # noqa: PLC0415  (imports Prefect)

        return trigger(self._services.engine, approval_id, dry_run=dry_run, wait=wait)

    @cached_property
    def _engine(self) -> Engine:
        return open_records()

    @cached_property
    def _services(self) -> Services:
        return open_for_commands()
