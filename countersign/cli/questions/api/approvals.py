"""Requests, as the API tells of them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countersign.cli.opened import one_named
from countersign.cli.questions.answers import Decided, Explained, FiledRequest
from countersign.cli.questions.api.runs import run_over_api
from countersign.cli.questions.api.who import refuse_by
from countersign.client import Client, Signing, sign
from countersign.execution.explanation import Answer
from countersign.execution.filing import Request
from countersign.execution.report import Report
from countersign.policy.keys import key_id_of
from countersign.policy.signatures import Decision
from countersign.records.approval_list import ApprovalRow, Only
from countersign.records.outcomes import Outcome
from countersign.records.states import ApprovalStatus, Verdict
from countersign.records.tables import Approval


class ApprovalsOverApi:
    """About requests."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def who(self, by: str | None) -> str:
        """Return whoever the token says."""
        refuse_by(by)
        return str(self._client.get("/me")["name"])

    def file(self, request: Request, *, as_is: bool) -> FiledRequest:
        """File a request. Its idempotency key is the question's own: the same one is asked once."""
        filed = self._client.file(
            request.action,
            key=request.idempotency_key,
            description=request.description,
            risk_level=request.risk_level,
            required_signatures=request.required_signatures,
            incident_id=request.incident_id,
            matched_playbook_id=request.matched_playbook_id,
            expires_at=request.expires_at and request.expires_at.isoformat(),
            not_before=request.not_before and request.not_before.isoformat(),
            start=request.start,
            when_blocked=request.when_blocked,
            cluster=request.cluster,
            as_is=as_is,
        )
        return FiledRequest(
            UUID(filed["approval"]["id"]), filed["reading"], filed["selector"], filed["selected"] or ()
        )

    def rows(self, only: Only, *, limit: int) -> Sequence[ApprovalRow]:
        """Return requests with what became of each, newest first."""
        found = self._client.approvals(
            limit=limit,
            status=only.status,
            outcome=only.outcome,
            verdict=only.verdict,
            requester=only.requester,
            since=only.since and only.since.isoformat(),
        )
        return [_row(each) for each in found]

    def named(self, given: str) -> UUID:
        """Return the request that `given` names."""
        return one_named(given, lambda end: [UUID(each) for each in self._client.get(f"/approvals/ending-in/{end}")])

    def status(self, approval_id: UUID) -> ApprovalStatus:
        """Return where a request stands."""
        return ApprovalStatus(self._client.approval(str(approval_id))["status"])

    def facts(self, approval_id: UUID) -> Mapping[str, Any]:
        """Return everything about a request."""
        found: Mapping[str, Any] = self._client.get(f"/approvals/{approval_id}/record")
        return found

    def signing(self, approval_id: UUID, *, signer: str, decision: Decision) -> Signing:
        """Return what is to be signed, its bytes computed here from what is shown."""
        return Signing.asked(self._client, str(approval_id), signer=signer, decision=decision.value)

    def sign(self, signing: Signing, key: Ed25519PrivateKey, *, comment: str) -> Decided:
        """Sign what was shown; the key stays here."""
        said = sign(self._client, signing, key, key_id=key_id_of(key.public_key()), comment=comment)
        return Decided(_approval(said), said["signed_by"], said["may_sign"])

    def cancel(self, approval_id: UUID, *, by: str | None, reason: str) -> ApprovalStatus:
        """Withdraw a request, as its requester."""
        refuse_by(by)
        said = self._client.post(f"/approvals/{approval_id}/cancel", {"reason": reason})
        return ApprovalStatus(said["status"])

    def explain(self, approval_id: UUID) -> Explained:
        """Say whether a request would run now."""
        said = self._client.get(f"/approvals/{approval_id}/preview")
        return Explained(said["runs"], [Answer(**each) for each in said["answers"]], said["policy"])

    def run(self, approval_id: UUID, *, dry_run: bool, wait: bool) -> Report | UUID:
        """Start a run, and follow it."""
        return run_over_api(self._client, approval_id, dry_run=dry_run, wait=wait)


def _approval(said: Mapping[str, Any]) -> Approval:
    return Approval.model_validate({**said, "rejection_reason": said["reason"]})


def _row(said: Mapping[str, Any]) -> ApprovalRow:
    return ApprovalRow(
        _approval(said),
        given=len(said["signed_by"]),
        outcome=Outcome(said["outcome"]) if said["outcome"] else None,
        verdict=Verdict(said["verdict"]) if said["verdict"] else None,
        rolled_back=said["rolled_back"],
    )
