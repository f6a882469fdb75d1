"""Would an approval run now? If not: which rule, and until when. By the run's own checks; nothing goes on record.

Every question is asked, where a run stops at the first refusal. What is on a host is not looked at here, since
whatever asks a host is an execution's: `countersign approvals run ID --dry-run` does that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from countersign.actions import describe, read_action
from countersign.actions.operation import HostOperation, KubernetesOperation, Reading
from countersign.errors import CountersignError, DatabaseUnavailable
from countersign.execution import checks
from countersign.execution.scope import policy_for
from countersign.execution.services import Services
from countersign.execution.target_access import OnBehalfOf, open_target
from countersign.policy.checks import Check, Question
from countersign.policy.findings import decide_findings
from countersign.records.owned import Owned
from countersign.records.tables import Approval
from countersign.targets.model import Finding, Plan
from countersign.texts import text

NOBODYS = Owned(UUID(int=0), 0)
"""No execution: every action on the target counts, and nothing could be written."""
T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """One question of a run, and what would come of it now."""

    rule: str
    """A check of the policy (countersign.policy.checks.Question), or approval, signatures, action or target."""
    passed: bool
    reason: str
    hint: str | None = None
    until: str | None = None
    """When a refusal ends by itself, or until when what passes does so; None where time changes nothing."""


@dataclass(frozen=True)
class Explanation:
    """Every answer, in the order in which a run asks."""

    answers: tuple[Answer, ...]
    plan: Plan | None = None
    """What would be sent, where that could be told without an execution."""
    findings: tuple[Finding, ...] = ()
    """What the target says to the plan."""
    inverse: Plan | None = None
    """The plan that takes it back, None where nothing does."""

    @property
    def runs(self) -> bool:
        """Whether it would run now, as far as it can be told without sending anything."""
        return all(answer.passed for answer in self.answers)


def explain(
    services: Services, approval: Approval, *, now: datetime | None = None, ask_target: bool = True
) -> Explanation:
    """Answer for `approval` as it stands, with the policy that `services` have. Raises DatabaseUnavailable.

    `now` is aware, and else this moment. Without `ask_target` what only the target could tell is left out.
    """
    asked = _Asked(services, approval, now or datetime.now(UTC), ask_target=ask_target)
    return Explanation(tuple(asked.all()), asked.plan, asked.findings, asked.inverse)


def explain_request(services: Services, approval: Approval, *, automatic: bool, now: datetime) -> tuple[Answer, ...]:
    """Answer for what `approval` asks for alone, as if it were signed; no target is asked.

    `automatic` is whether nobody but the auto-approver would have signed it. Raises DatabaseUnavailable.
    """
    return tuple(_Asked(services, approval, now, ask_target=False).request_alone(automatic=automatic))


class _Asked:
    """The questions, and the answers so far."""

    def __init__(self, services: Services, approval: Approval, now: datetime, *, ask_target: bool) -> None:
        self.services, self.approval, self.now, self.ask_target = services, approval, now, ask_target
        self.answers: list[Answer] = []
        self.plan: Plan | None = None
        self.findings: tuple[Finding, ...] = ()
        self.inverse: Plan | None = None

    def all(self) -> Sequence[Answer]:
        """Ask everything that can be asked."""
        self._stage("approval", self._approved)
        automatic = self._stage("signatures", self._signed) or False
        reading = self._stage("action", lambda: read_action(self.approval.action))
        if reading is not None:
            self._stage("action", lambda: self._as_signed(reading))
            self._stage("action", lambda: self._request(reading, automatic=automatic))
        if not self.ask_target:
            return self.answers
        if isinstance(reading, KubernetesOperation):
            self._stage("target", lambda: self._cluster(reading))
        elif isinstance(reading, HostOperation):
            self._note("target", text("policy_check.host_not_asked"))
        return self.answers

    def request_alone(self, *, automatic: bool) -> Sequence[Answer]:
        """Ask what the action reads to, and what the policy says to it."""
        reading = self._stage("action", lambda: read_action(self.approval.action))
        if reading is not None:
            self._stage("action", lambda: self._request(reading, automatic=automatic))
        return self.answers

    def _stage(self, rule: str, ask: Callable[[], T]) -> T | None:
        """Return what `ask` returns, or note why it was refused."""
        try:
            return ask()
        except DatabaseUnavailable:
            raise
        except CountersignError as error:
            self._add(Answer(rule, False, error.message, error.hint))
            return None

    def _add(self, answer: Answer) -> None:
        """Note a refusal once: what is asked again under the target's own name is refused in the same words."""
        if answer.passed or all(answer.reason != each.reason for each in self.answers):
            self.answers.append(answer)

    def _note(self, rule: str, reason: str, *, until: str | None = None) -> None:
        self.answers.append(Answer(rule, True, reason, until=until))

    def _checks(self, checks: Sequence[Check]) -> None:
        for each in checks:
            hint = None if each.passed else each.hint
            self._add(Answer(each.name.value, each.passed, each.reason, hint, each.until))

    def _approved(self) -> None:
        checks.check_approved(self.services, self.approval, dry_run=True)
        expires = self.approval.expires_at
        until = None if expires is None else expires.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        self._note("approval", text("policy_check.approved"), until=until)

    def _signed(self) -> bool:
        verified = checks.verified_signatures(self.services, self.approval)
        self._note("signatures", text("policy_check.signed", names=", ".join(verified.signers)))
        return verified.automatic

    def _as_signed(self, reading: Reading) -> None:
        checks.check_reading(self.services, self.approval, describe(reading))

    def _request(self, reading: Reading, *, automatic: bool) -> None:
        self._checks(checks.request_checks(self.services, self.approval, reading, automatic=automatic, now=self.now))

    def _cluster(self, operation: KubernetesOperation) -> None:
        """Ask about the objects, the plan and what the cluster says to it: reading and dry runs alone."""
        services, approval = self.services, self.approval
        with open_target(services, operation, OnBehalfOf(approval, NOBODYS), planned_for=None) as target:
            found = target.resolve(operation)
            self._checks(checks.target_checks(services, approval, operation, found, NOBODYS, now=self.now))
            self.plan = plan = target.plan(operation, found, at=self.now)
            self.inverse = target.invert(plan)
            self._checks(checks.plan_checks(services, approval, plan, now=self.now))
            self.findings = target.preflight(plan)
            findings = decide_findings(policy_for(services, approval), self.findings)
            self._checks(findings or (Check(Question.PREFLIGHT, True, text("policy_check.nothing_found")),))
