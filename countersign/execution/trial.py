"""What a policy would answer, in force or not, to an approval or to an action that nobody has filed. Nothing is kept.

The questions are a run's own (countersign.execution.explanation); only the policy that is asked is another one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from countersign.actions import describe, read_action
from countersign.execution.decisions import who_may_still_sign
from countersign.execution.explanation import Answer, explain, explain_request
from countersign.execution.filing import cluster_of, parameters_of, signed_content, target_of
from countersign.execution.scope import policy_for
from countersign.execution.services import Services
from countersign.policy.approval import signs_by_itself
from countersign.policy.document import Policy
from countersign.policy.names import require_name
from countersign.policy.risk import RiskLevel
from countersign.records.states import ApprovalStatus
from countersign.records.states import RiskLevel as RecordedRisk
from countersign.records.tables import Approval


@dataclass(frozen=True)
class Trial:
    """What one policy answers at one moment."""

    answers: tuple[Answer, ...]
    needed: int
    """Distinct signatures that have to count."""
    able: tuple[str, ...]
    """Who has not signed and whose signature would count, by name."""
    automatic: bool = False
    """Whether the auto-approver's signature would be enough."""
    unsigned: bool = False
    """Whether people have yet to sign, and were not counted among the answers."""


@dataclass(frozen=True)
class Compared:
    """An approval that two policies are asked about."""

    approval: Approval
    now: Trial
    then: Trial

    @property
    def differs(self) -> bool:
        """Whether the two say different things about it."""
        return self.now != self.then


def unfiled(
    services: Services,
    action: str,
    *,
    requested_by: str,
    risk: RecordedRisk,
    cluster: str | None = None,
    now: datetime,
) -> Approval:
    """Return the pending approval that filing `action` would make; it is not on record.

    Raises ParseFailure, InvalidInput (an unknown cluster, a name that nobody could have), ConfigurationError.
    """
    require_name(requested_by, field="requested_by")
    reading = describe(read_action(action))
    return Approval(
        action=action,
        risk_level=risk,
        requested_by=requested_by,
        status=ApprovalStatus.PENDING,
        target=target_of(reading, cluster_of(reading, cluster, services.clusters), services.fleet),
        parameters=parameters_of(reading),
        created_at=now,
        updated_at=now,
    )


def try_unfiled(services: Services, policy: Policy, approval: Approval, *, now: datetime) -> Trial:
    """Ask `policy` about what `unfiled` returned. No target is asked. Raises DatabaseUnavailable."""
    under = replace(services, policy=policy, policy_mark=None)
    makers, risk = signed_content(approval).makers, RiskLevel(approval.risk_level)
    trial = _trial((), under, approval, given=())
    by_itself = trial.needed == 1 and signs_by_itself(policy_for(under, approval), risk, makers)
    answers = explain_request(under, approval, automatic=by_itself, now=now)
    return replace(trial, answers=answers, automatic=by_itself, unsigned=not by_itself)


def try_approval(
    services: Services, policy: Policy, approval: Approval, *, given: Iterable[str], now: datetime, ask_target: bool
) -> Trial:
    """Ask `policy` about an approval on record that those `given` have decided on. Raises DatabaseUnavailable."""
    under = replace(services, policy=policy, policy_mark=None)
    found = explain(under, approval, now=now, ask_target=ask_target)
    return _trial(found.answers, under, approval, given=given)


def compare(
    services: Services, policy: Policy, approvals: Sequence[tuple[Approval, Sequence[str]]], *, now: datetime
) -> tuple[Compared, ...]:
    """Ask the policy of `services` and `policy` about approvals, each with who has decided on it; no target is asked.

    Raises DatabaseUnavailable.
    """
    found = []
    for approval, given in approvals:
        before, after = (
            try_approval(services, each, approval, given=given, now=now, ask_target=False)
            for each in (services.policy, policy)
        )
        found.append(Compared(approval, before, after))
    return tuple(found)


def _trial(answers: tuple[Answer, ...], under: Services, approval: Approval, *, given: Iterable[str]) -> Trial:
    needed = policy_for(under, approval).required_signatures(
        RiskLevel(approval.risk_level), approval.required_signatures
    )
    return Trial(answers, needed, who_may_still_sign(under, approval, given=given))
