"""The questions that commands ask. Errors are those of the records, whoever answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countersign.cli.questions.answers import Decided, Explained, FiledRequest, RunTakers, WhoAsks, WholePlaybook
from countersign.client import Signing
from countersign.execution.filing import Request
from countersign.execution.report import Report
from countersign.execution.standing import Standing
from countersign.policy.signatures import Decision
from countersign.records.approval_list import ApprovalRow, Only
from countersign.records.control import Switch
from countersign.records.knowledge import Found
from countersign.records.knowledge import Only as OnlyCases
from countersign.records.states import ApprovalStatus, IncidentStatus, PlaybookStatus
from countersign.records.tables import Incident


class Approvals(Protocol):
    """About requests."""

    def who(self, by: str | None) -> str:
        """Return who does something: `by`, else whoever asks. Raises InvalidInput where that is not free to say."""

    def file(self, request: Request, *, as_is: bool) -> FiledRequest:
        """File a request. Raises ParseFailure for one that cannot be read, unless it is to be filed `as_is`."""

    def rows(self, only: Only, *, limit: int) -> Sequence[ApprovalRow]:
        """Return requests with what became of each, newest first."""

    def named(self, given: str) -> UUID:
        """Return the request that `given` names: its id, or the last 8 characters of it."""

    def status(self, approval_id: UUID) -> ApprovalStatus:
        """Return where a request stands."""

    def facts(self, approval_id: UUID) -> Mapping[str, Any]:
        """Return everything about a request as JSON values, secrets masked."""

    def signing(self, approval_id: UUID, *, signer: str, decision: Decision) -> Signing:
        """Return what `signer` is to see, and the bytes that are to be signed."""

    def sign(self, signing: Signing, key: Ed25519PrivateKey, *, comment: str) -> Decided:
        """Sign what was shown, on this machine, and put it on record."""

    def cancel(self, approval_id: UUID, *, by: str | None, reason: str) -> ApprovalStatus:
        """Withdraw a request, as its requester."""

    def explain(self, approval_id: UUID) -> Explained:
        """Say whether a request would run now."""

    def run(self, approval_id: UUID, *, dry_run: bool, wait: bool) -> Report | UUID:
        """Start a run; return its report, or its own id without waiting."""


class Installation(Protocol):
    """About the installation as a whole."""

    def standing(self) -> Standing:
        """Return how things stand."""

    def takers(self) -> RunTakers:
        """Return who takes runs."""

    def switch(self) -> Switch:
        """Return the kill switch."""

    def turn(self, on: bool, *, by: str | None, reason: str) -> Switch:
        """Turn the kill switch."""

    def who_asks(self) -> WhoAsks:
        """Return who is asking, and their roles."""


class Known(Protocol):
    """About what is known: incidents, playbooks, cases."""

    def incidents(self, *, status: IncidentStatus | None, unresolved: bool, limit: int) -> Sequence[Incident]:
        """Return incidents, newest first."""

    def incident(self, incident_id: str) -> Mapping[str, Any]:
        """Return an incident with its timeline, repairs and related cases as JSON values."""

    def playbooks(self, *, status: PlaybookStatus | None, alert: str | None) -> Sequence[Mapping[str, Any]]:
        """Return playbooks with the trust in them as JSON values."""

    def playbook(self, name: str) -> WholePlaybook:
        """Return a playbook with its history."""

    def cases(self, query: str, *, only: OnlyCases, limit: int) -> Sequence[Found]:
        """Return cases, the best first."""


@dataclass(frozen=True)
class Questions:
    """Everything that commands ask."""

    approvals: Approvals
    installation: Installation
    known: Known
